// The port of where live settings are kept. Adapters: source.*.ts. Free of what they say.

/** Disposing ends the following. */
export type SettingsSource = AsyncDisposable & {
  /** The variable, and the file or the key that it names, for people. */
  readonly from: string
  /** Throws OperatorError SETTINGS_INVALID when there is nothing. */
  read(): Promise<string>
  /** Calls `onText` with each text that differs from the one before, and `onError` when it cannot be read. */
  watch(onText: (text: string) => void, onError: (error: unknown) => void): void
}
