/** AES-256-GCM over text, with what the text is for bound to it. Base64 of nonce (12), tag (16) and ciphertext; the key has 32 bytes. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export function sealText(key: Buffer, plain: string, bind: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(bind));
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
}

/** Throws when it was sealed with another key, or for something else, or was changed. */
export function openText(key: Buffer, sealed: string, bind: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(bind));
  decipher.setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
}
