// Whether an instance gets requests: what its requests and checks have shown. Free of clocks and of connections.

export type InstanceHealthOptions = {
  /** Failures in a row, of requests or of checks, after which it gets none. */
  readonly failures: number
  /** After that long one query may try it; without checks only. */
  readonly awayMs: number
  /** Whether it is asked for its health: then only such a check brings it back. */
  readonly checked: boolean
}

export type InstanceHealth = {
  isUp(): boolean
  /** True for one query at a time, once it has been away long enough: whoever asks must send one. */
  mayProbe(now: number): boolean
  succeeded(): void
  failed(now: number): void
  checked(passed: boolean, now: number): void
}

export function createInstanceHealth(
  { failures, awayMs, checked }: InstanceHealthOptions,
  onChange: (isUp: boolean) => void,
): InstanceHealth {
  let up = true
  let inARow = 0
  let checksInARow = 0
  let tryFrom = 0

  function goAway(now: number): void {
    tryFrom = now + awayMs
    if (!up) return
    up = false
    onChange(false)
  }

  function comeBack(): void {
    inARow = 0
    checksInARow = 0
    if (up) return
    up = true
    onChange(true)
  }

  return {
    isUp: () => up,
    mayProbe(now) {
      if (up || checked || now < tryFrom) return false
      tryFrom = now + awayMs
      return true
    },
    /** A request that began before it went away proves as much as one that tries it. */
    succeeded() {
      inARow = 0
      if (!checked) comeBack()
    },
    failed(now) {
      inARow += 1
      if (!up || inARow >= failures) goAway(now)
    },
    checked(passed, now) {
      if (passed) return comeBack()
      checksInARow += 1
      if (!up || checksInARow >= failures) goAway(now)
    },
  }
}
