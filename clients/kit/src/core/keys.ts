// Makes idempotency keys.

/** Returns a new key of 32 hexadecimal digits. Needs `crypto.getRandomValues`, which React Native gets by a polyfill. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
