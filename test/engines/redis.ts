// Redis or Valkey for tests: at its URL, from PATH, or from Debian's packages. Free of what is in it.
import { execFile } from 'node:child_process'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Engine, givenBy, printedBy } from '#test/engines/engine.ts'
import { kindOnPath, startRedis } from '#test/redis.ts'

const INSTALL_MS = 120_000

export const redis: Engine = {
  name: 'Redis',
  find() {
    const given = givenBy('REDIS_URL', 'Redis')
    if (given) return given
    const kind = kindOnPath()
    return kind && { version: versionOf(kind), from: 'PATH', start }
  },
  async obtain() {
    if (kindOnPath()) return
    if (process.getuid?.() !== 0) throw new Error('redis-server is not on PATH, and only root may install it')
    try {
      await promisify(execFile)('apt-get', ['install', '-y', 'redis-server'], { timeout: INSTALL_MS })
    } catch (cause) {
      throw new Error('redis-server is not on PATH, and apt-get could not install it', { cause })
    }
  },
}

function versionOf(kind: 'redis' | 'valkey'): string {
  const text = printedBy(`${kind}-server`, '--version') ?? ''
  return `${kind === 'redis' ? 'Redis' : 'Valkey'} ${/v=([\d.]+)/.exec(text)?.[1] ?? text}`
}

async function start() {
  const server = await startRedis()
  return { url: server.url, faults: server, [Symbol.asyncDispose]: () => server.kill() }
}
