// The port of a source of live settings. Adapters: settings-source.*.ts.

/** Disposing ends the watch. */
export type SettingsSource = AsyncDisposable & {
  /** The file or key and the variable that names it, for messages. */
  readonly from: string
  /** Throws OperatorError SETTINGS_INVALID when there is nothing to read. */
  read(): Promise<string>
  /** Calls `onText` with each text that differs from the one before, and `onError` when it cannot be read. */
  watch(onText: (text: string) => void, onError: (error: unknown) => void): void
}
