// The port of a byte store that processes share. Adapters: remote-store.*.ts.

/** A store may lose anything at any time, and every operation may fail. */
export type RemoteStore = {
  /** Replaces the connection with a new one. Resolves once operations are answered. */
  connect(): Promise<void>
  /** Closes the connection at once; operations under way fail. */
  disconnect(): void
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  /** Returns whether the caller now holds the claim to `key`, which it holds until it is released or `ttlMs` are over. */
  claim(key: string, token: string, ttlMs: number): Promise<boolean>
  /** Releases the claim if `token` still holds it. */
  releaseClaim(key: string, token: string): Promise<void>
}

/** Thrown when the store answered and refused the operation, because it is full, for example. */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal'
}
