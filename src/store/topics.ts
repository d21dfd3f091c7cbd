// What transactions publish, handed to the listeners of this process.
import type { Log } from '../runtime/log.ts';
import type { Db, Listener, Topic } from './db.ts';

export type Topics = Pick<Db, 'subscribe'> & { publish(topic: Topic, subject: string): void };

export function createTopics({ log }: { log: Log }): Topics {
  const listeners = new Map<Topic, Set<Listener>>();
  return {
    subscribe(topic, listener) {
      const ofTopic = listeners.get(topic) ?? new Set();
      listeners.set(topic, ofTopic.add(listener));
      return () => void ofTopic.delete(listener);
    },
    publish(topic, subject) {
      for (const listener of listeners.get(topic) ?? []) {
        try {
          listener(subject);
        } catch (thrown) {
          // The rows are on disk by now: a failing listener must not make the writer believe otherwise.
          log.error({ err: thrown, topic }, 'a listener failed after a commit');
        }
      }
    },
  };
}
