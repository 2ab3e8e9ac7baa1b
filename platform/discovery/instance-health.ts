// Decides from the results of requests and health checks whether an instance gets requests.

export type InstanceHealthOptions = {
  /** Failures in a row, of requests or of checks, after which the instance gets no requests. */
  readonly failures: number
  /** How long an instance without health checks gets no requests before one may probe it. */
  readonly awayMs: number
  /** True when the instance has health checks: then only a check brings it back. */
  readonly checked: boolean
}

export type InstanceHealth = {
  isUp(): boolean
  /** Returns true to one caller at a time, once `awayMs` have passed: that caller must send a request. */
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
    /** A request that began before the failures proves as much as a probe. */
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
