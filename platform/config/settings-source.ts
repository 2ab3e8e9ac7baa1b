// The port of where live settings are kept. Adapters: source.*.ts. Free of what they say.

/** Disposing ends the following. */
export type SettingsSource = AsyncDisposable & {
  /** The variable, and the file or the key that it names, for people. */
  readonly from: string
  /** Throws OperatorError SETTINGS_INVALID when there is nothing. */
  read(): Promise<string>
  /** Calls `told` with each text that differs from the one before, and `failed` when there is none to be had. */
  follow(told: (text: string) => void, failed: (error: unknown) => void): void
}
