// Shows the progress of a long job: a bar with rate and time left on a terminal, a line every few seconds elsewhere.

/** Failures are counted separately. */
export type Progress = { readonly step: (outcome: 'done' | 'failed') => void; readonly end: () => void }

const BAR_WIDTH = 28
const TERMINAL_EVERY_MS = 100
const LINE_EVERY_MS = 5000

/** Starts a progress display. `label` names the job, `total` is its number of steps. Writes to standard error. */
export function startProgress(
  label: string,
  total: number,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  const began = performance.now()
  let done = 0
  let failed = 0
  let shown = Number.NEGATIVE_INFINITY
  const show = () => {
    const now = performance.now()
    shown = now
    const rate = done / Math.max((now - began) / 1000, 0.001)
    const text = `${label} ${done}/${total}${failed > 0 ? `, ${failed} failed` : ''}  ${rate.toFixed(0)}/s  ${done + failed < total ? `${timeLeft((total - done - failed) / rate)} left` : `in ${timeLeft((now - began) / 1000)}`}`
    if (!stream.isTTY) stream.write(`${text}\n`)
    else {
      const filled = total === 0 ? BAR_WIDTH : Math.round((BAR_WIDTH * done) / total)
      stream.write(`\r\x1b[2K[${'█'.repeat(filled)}${'·'.repeat(BAR_WIDTH - filled)}] ${text}`)
    }
  }
  return {
    step: outcome => {
      if (outcome === 'done') done++
      else failed++
      if (performance.now() - shown >= (stream.isTTY ? TERMINAL_EVERY_MS : LINE_EVERY_MS)) show()
    },
    end: () => {
      show()
      if (stream.isTTY) stream.write('\n')
    },
  }
}

function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.ceil(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
