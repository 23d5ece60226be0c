/** Schema 5 → 6: containers may refer to secrets. No record changes; an earlier master would give a container the references as they
 *  are written, so it must refuse such a store. */
export function migrateSecrets(): void {}
