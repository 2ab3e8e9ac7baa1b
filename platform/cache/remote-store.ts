// The port of a store of bytes that processes share. Adapters: remote-tier.*.ts. Free of what the bytes mean.

/** Nothing in it is needed: it may lose anything at any time, and every operation may fail. */
export type RemoteTier = {
  /** Opens a new connection; whatever was open before is left. Resolves once operations are answered. */
  connect(): Promise<void>
  /** Leaves the connection at once; what is under way fails. */
  disconnect(): void
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  /** Whether the claim to `key` is the caller's now: it is nobody else's, until it is given back or `ttlMs` are over. */
  claim(key: string, token: string, ttlMs: number): Promise<boolean>
  /** Gives the claim back if it is still `token`'s. */
  giveBack(key: string, token: string): Promise<void>
}

/** Thrown by operations that the store answered, and refused: it is full, for example. It is there. */
export class RefusedByStore extends Error {
  override readonly name = 'RefusedByStore'
}
