// The declarations of the routes of provider accounts.
import type { RouteDeclaration } from '../route.ts';
import { accountAnswer, accountList, dryRunAnswer, importAnswer, rotationAnswer } from './account-answers.ts';
import { accountExample } from './examples.ts';
import { OPERATOR } from './parts.ts';

const TAG = 'Provider accounts';
const ACCOUNT = {
  description: 'The account.',
  schema: accountAnswer,
  example: { ok: true, account: accountExample },
};
const VERIFY_NOTE =
  'The provider is asked about the credential first, for free, unless `verify` is false. A credential is stored sealed and ' +
  'is in no answer.';
const API_KEY_EXAMPLE = 'the-key-of-your-account-0000';

export const LIST_ACCOUNTS: RouteDeclaration = {
  operationId: 'listAccounts',
  tag: TAG,
  summary: 'List provider accounts',
  access: OPERATOR,
  answers: {
    200: {
      description: 'All accounts, the oldest first, and what they come to.',
      schema: accountList,
      example: {
        ok: true,
        accounts: [accountExample],
        totals: {
          accounts: 1,
          byStatus: { active: 1 },
          concurrencySlots: 10,
          activeJobs: 1,
          balances: [
            { provider: 'leonardo', unit: 'credits', availableTokens: 27_830, reservedTokens: 3628 },
          ],
        },
      },
    },
  },
  errors: ['invalid_input'],
};

export const CREATE_ACCOUNT: RouteDeclaration = {
  operationId: 'createAccount',
  tag: TAG,
  summary: 'Add a provider account',
  description: VERIFY_NOTE,
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { label: 'main', apiKey: API_KEY_EXAMPLE, maxConcurrentJobs: 10 },
  answers: { 201: ACCOUNT },
  errors: [
    'invalid_input',
    'provider_key_rejected',
    'already_exists',
    'idempotency_key_conflict',
    'provider_unavailable',
  ],
};

export const IMPORT_ACCOUNTS: RouteDeclaration = {
  operationId: 'importAccounts',
  tag: TAG,
  summary: 'Import provider accounts',
  description: `Up to 50 at once, listed or pasted. A row that is wrong, refused or here already is left out and told; the others are imported. ${VERIFY_NOTE}`,
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { accounts: [{ label: 'main', apiKey: API_KEY_EXAMPLE }] },
  answers: {
    200: {
      description: 'What was imported, and what was left out.',
      schema: importAnswer,
      example: {
        ok: true,
        imported: 1,
        accounts: [{ index: 0, accountId: accountExample.accountId }],
        skipped: [
          {
            index: 1,
            code: 'already_exists',
            message: `This credential is the one of account ${accountExample.accountId}.`,
          },
        ],
      },
    },
  },
  errors: ['invalid_input', 'idempotency_key_conflict'],
};

export const ROTATE_ACCOUNTS: RouteDeclaration = {
  operationId: 'rotateAccounts',
  tag: TAG,
  summary: 'Put an account at the end of its row',
  description: 'Among accounts of one priority and of the same load, the next job goes to another one.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  isBodyOptional: true,
  requestExample: { provider: 'leonardo' },
  answers: {
    200: {
      description: 'The account that is preferred now.',
      schema: rotationAnswer,
      example: { ok: true, activeAccountId: accountExample.accountId },
    },
  },
  errors: ['invalid_input', 'not_found', 'idempotency_key_conflict'],
};

export const GET_ACCOUNT: RouteDeclaration = {
  operationId: 'getAccount',
  tag: TAG,
  summary: 'Read a provider account',
  access: OPERATOR,
  answers: { 200: ACCOUNT },
  errors: ['not_found'],
};

export const CHANGE_ACCOUNT: RouteDeclaration = {
  operationId: 'changeAccount',
  tag: TAG,
  summary: 'Change a provider account',
  description: `A paused account finishes its jobs and gets no more. ${VERIFY_NOTE}`,
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { status: 'paused' },
  answers: { 200: ACCOUNT },
  errors: [
    'invalid_input',
    'provider_key_rejected',
    'not_found',
    'already_exists',
    'idempotency_key_conflict',
    'provider_unavailable',
  ],
};

export const DELETE_ACCOUNT: RouteDeclaration = {
  operationId: 'deleteAccount',
  tag: TAG,
  summary: 'Delete a provider account',
  description: 'With its credential. Pause it first, and wait for its jobs.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  answers: { 200: ACCOUNT },
  errors: ['not_found', 'account_in_use', 'idempotency_key_conflict'],
};

export const REFRESH_ACCOUNT: RouteDeclaration = {
  operationId: 'refreshAccount',
  tag: TAG,
  summary: 'Ask the provider about an account',
  description: 'Reads the balance, and whether the credential works; that happens every five minutes anyway.',
  access: OPERATOR,
  answers: { 200: ACCOUNT },
  errors: ['not_found', 'provider_unavailable'],
};

export const TEST_ACCOUNT: RouteDeclaration = {
  operationId: 'testAccount',
  tag: TAG,
  summary: 'Show what a job would send with an account',
  description: 'Nothing is sent and nothing charged.',
  access: OPERATOR,
  requestExample: { type: 'image', prompt: 'A lighthouse at dawn' },
  answers: {
    200: {
      description: 'The request, without the credential.',
      schema: dryRunAnswer,
      example: {
        ok: true,
        dryRun: true,
        model: 'openai/gpt-image-2',
        canRun: true,
        estimate: { amount: 8, unit: 'credits' },
        request: {
          method: 'POST',
          url: 'https://api.provider.example/v1/generations',
          headers: { authorization: '(hidden)' },
          body: { prompt: 'A lighthouse at dawn' },
        },
      },
    },
  },
  errors: ['invalid_input', 'not_found', 'model_not_found', 'invalid_state'],
};
