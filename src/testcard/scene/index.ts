// Scenes: landscapes that follow from a text, and the painter that shows them at an instant.
export { createDice } from './dice.ts';
export { createPainter } from './paint.ts';
export { composeScene, type Scene } from './scene.ts';
