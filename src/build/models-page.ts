// docs/models.md: every model with what it accepts, who serves it, what that costs us, and what it costs.
import {
  priceOf,
  readShippedModels,
  tiersOf,
  durationsOf,
  type Model,
  type PriceRule,
} from '../catalog/index.ts';
import { estimateCost, marginOf, PROVIDERS, type CostRule, type Provider } from '../providers/index.ts';

/** The lines of the page below its title. */
export function modelsPage(): string[] {
  const models = readShippedModels();
  const providers = new Map(PROVIDERS.map((create) => create()).map((provider) => [provider.id, provider]));
  const labs = [...new Set(models.map(labOf))];
  return [
    'What a gateway can be asked for, before an operator has set prices of their own. 1000 credits are worth one US dollar.',
    'A model is on offer as soon as an account at one of its providers is active; the sandbox behind test keys serves all',
    'of them. Costs were read where it says, on the day it says, and change without notice: they are estimates, for',
    'choosing an account and for the margin. The margin is that of a request that chooses nothing.',
    '',
    '| Model | Type | Price in credits | Providers, in order | Ends |',
    '| --- | --- | --- | --- | --- |',
    ...models.map((model) => overviewRow(model)),
    ...labs.flatMap((lab) => {
      const own = models.filter((model) => labOf(model) === lab);
      return ['', `## ${lab}`].concat(own.flatMap((model) => modelLines(model, providers)));
    }),
  ];
}

function overviewRow(model: Model): string {
  const ends = model.retirement?.on ?? '';
  return row(`\`${model.id}\``, model.type, priceRange(model.price), model.providers.join(', '), ends);
}

function modelLines(model: Model, providers: ReadonlyMap<string, Provider>): string[] {
  return [
    ...['', `### ${model.id}`, ''],
    ...factsOf(model).map((fact) => `- ${fact}`),
    '',
    '| Provider | Its id of the model | Cost | Read | Margin | Ends |',
    '| --- | --- | --- | --- | --- | --- |',
    ...model.providers.map((id) => providerRow(model, id, providers.get(id))),
  ];
}

function factsOf(model: Model): string[] {
  const { name, type, promptMaxLength, qualities, deadlineSeconds, retirement, outputFormats } = model;
  const references = Object.entries(model.references).map(([role, count]) => `${count} × \`${role}\``);
  const instead = retirement?.successor === undefined ? '' : `; instead there is \`${retirement.successor}\``;
  return [
    `${name}: ${type}, a prompt of at most ${promptMaxLength} characters`,
    ...sizeFacts(model),
    ...(qualities === undefined
      ? []
      : [`qualities ${qualities.join(', ')}; unless told ${model.defaultQuality}`]),
    ...durationFacts(model),
    ...(type === 'video' ? [soundOf(model)] : []),
    ...(references.length === 0
      ? []
      : [`references ${references.join(', ')}${model.needsReference ? '; one is needed' : ''}`]),
    `${model.canSeed ? 'takes a seed; ' : ''}comes as ${outputFormats.join(', ')}; ends after ${deadlineSeconds} s at the latest`,
    `price: ${priceText(model.price)}`,
    ...(retirement === undefined ? [] : [`**ends on ${retirement.on}**${instead}`]),
  ];
}

/** A line for each tier. */
function sizeFacts(model: Model): string[] {
  const { sizes, defaultSize } = model;
  const named = (names: string[]) =>
    names.map((name) => `\`${name}\` ${sizes[name]?.width}×${sizes[name]?.height}`).join(', ');
  const names = Object.keys(sizes);
  const groups = tiersOf(model).map((tier) => names.filter((name) => name.endsWith(`_${tier}`)));
  const lines = (groups.length === 0 ? [names] : groups).map((group) => `sizes ${named(group)}`);
  return [...lines, `size unless told \`${defaultSize}\``];
}

function durationFacts(model: Model): string[] {
  const { durationSeconds, defaultSize } = model;
  if (durationSeconds === undefined) return [];
  const { only, min, max, at = {}, default: standard } = durationSeconds;
  const exceptions = Object.keys(at).map((tier) => {
    const size = Object.keys(model.sizes).find((name) => name.endsWith(`_${tier}`)) ?? defaultSize;
    return `, in ${tier} ${durationsOf(model, size).join(', ')}`;
  });
  const usual = only === undefined ? `${min} to ${max}` : only.join(', ');
  return [`seconds ${usual}${exceptions.join('')}; unless told ${standard}`];
}

function soundOf({ canHaveAudio, alwaysHasAudio }: Model): string {
  if (canHaveAudio) return 'with sound or without';
  return alwaysHasAudio ? 'always with sound' : 'without sound';
}

function priceText({ per, rates }: PriceRule): string {
  const texts = rates.map(({ when = {}, credits }) => `${credits}${conditionText(when)}`);
  return `${texts.join(', ')} credits for each ${per === 'job' ? 'output' : 'second'}`;
}

function priceRange({ per, rates }: PriceRule): string {
  const amounts = rates.map(({ credits }) => credits);
  const [least, most] = [Math.min(...amounts), Math.max(...amounts)];
  return `${least === most ? least : `${least} to ${most}`}${per === 'second' ? ' a second' : ''}`;
}

function providerRow(model: Model, id: string, provider: Provider | undefined): string {
  const served = provider?.upstream?.models[model.id];
  if (served === undefined) return row(id, 'to come', '', '', '', '');
  const { raw, cost, retiresOn = '' } = served;
  if (cost === null) return row(id, `\`${raw}\``, 'not published', '', '', retiresOn);
  return row(
    id,
    `\`${raw}\``,
    costText(cost),
    `${cost.asOf}, ${cost.source}`,
    marginText(model, cost, provider?.upstream?.creditUsd),
    retiresOn,
  );
}

function costText({ per, unit, rates }: CostRule): string {
  const each = per === 'megapixel' ? 'million pixels' : per;
  const texts = rates.map(({ when = {}, amount }) => {
    const { maxHeight, maxPixels, ...rest } = when;
    const upTo = [
      ...(maxHeight === undefined ? [] : [`${maxHeight} lines`]),
      ...(maxPixels === undefined ? [] : [`${Number((maxPixels / 1e6).toFixed(2))} MP`]),
    ].map((most) => `to ${most}`);
    return `${amount}${conditionText(rest, upTo)}`;
  });
  return `${texts.join(', ')} ${unit} a ${each}`;
}

function conditionText(when: object, more: string[] = []): string {
  const words = Object.entries(when).map(([name, value]) => {
    if (name === 'hasAudio') return value === true ? 'with sound' : 'silent';
    return String(value);
  });
  const all = [...words, ...more];
  return all.length === 0 ? '' : ` (${all.join(', ')})`;
}

function marginText(model: Model, cost: CostRule, creditUsd: string | undefined): string {
  const { defaultSize: size, defaultQuality: quality, durationSeconds } = model;
  const pixels = model.sizes[size] ?? { width: 0, height: 0 };
  const request = {
    ...{ size, ...pixels },
    ...(quality === undefined ? {} : { quality }),
    ...(durationSeconds === undefined ? {} : { durationSeconds: durationSeconds.default }),
    hasAudio: model.canHaveAudio || model.alwaysHasAudio,
  };
  const price = priceOf(model.price, request);
  const margin = price === null ? null : marginOf(price, estimateCost(cost, request), creditUsd);
  return margin === null ? '' : `${Math.round(margin.share * 100)} %`;
}

function labOf({ id }: Model): string {
  return id.slice(0, id.indexOf('/'));
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
