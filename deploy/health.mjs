// Checks whether the service in this container is ready: exit code 0 means yes. It needs only Node.
import process from 'node:process'

const url = `http://127.0.0.1:${process.env.PORT}/health/ready`
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(4000) })
  console.log(await answer.text())
  process.exitCode = answer.ok ? 0 : 1
} catch (error) {
  console.error(`no answer at ${url}: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
