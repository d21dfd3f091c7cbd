// Background work: due jobs and recurring tasks, driven by one loop.
export { createScheduler, type Scheduler, type Worker } from './scheduler.ts';
export { createTaskWorker, type Task } from './tasks.ts';
