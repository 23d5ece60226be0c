/** `npm run licences`: writes docs/licences.md. */
import { writeFileSync } from 'node:fs';
import { licencePage } from './licences.js';

writeFileSync('docs/licences.md', licencePage('.'));
