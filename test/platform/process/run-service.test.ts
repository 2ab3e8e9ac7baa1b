// A service as a process of its own, started as in production and as in development: what it says, and how it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import packageFile from '../../../package.json' with { type: 'json' }

const MODULE = fileURLToPath(new URL('service-process.ts', import.meta.url))

type Line = Readonly<Record<string, unknown>>

/** Sends `signal` once a line says that it listens. */
async function run(env: Readonly<Record<string, string>>, signal?: NodeJS.Signals) {
  const child = spawn(process.execPath, [MODULE], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  })
  const log: Line[] = []
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  createInterface({ input: child.stdout }).on('line', text => {
    log.push(JSON.parse(text))
    if (signal && text.includes('is listening')) child.kill(signal)
  })
  const [code] = await once(child, 'close')
  return { code, log, stderr }
}

describe('a service in production', () => {
  const env = { NODE_ENV: 'production', PORT: '0', API_TOKEN: 'hush', UNRELATED: 'x' }

  test('logs its version, its settings without secrets, and the reason why it stops', async () => {
    const { code, log, stderr } = await run(
      { ...env, STORE: 'postgres://me:hunter2@db/x?sslkey=k' },
      'SIGTERM',
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(log).toMatchObject([
      {
        msg: 'sample is starting',
        version: packageFile.version,
        node: process.versions.node,
        settings: {
          PORT: '0',
          API_TOKEN: '***',
          STORE: expect.stringMatching(/^postgres:\/\/me:.+@db\/x\?sslkey=\*{3}$/),
        },
        defaults: ['FAULT'],
      },
      { msg: 'sample is listening', url: expect.stringContaining('http://127.0.0.1:') },
      { level: 'info', msg: 'sample is stopping: it was asked to', signal: 'SIGTERM' },
      { level: 'info', msg: 'sample has stopped' },
    ])
    expect(JSON.stringify(log)).not.toMatch(/hush|hunter2|UNRELATED/)
  })

  test.each([
    ['a bad variable', { PORT: 'high' }, 'CONFIG_INVALID', /PORT: holds "high"; should hold a port number/],
    ['a file that is not there', { FAULT: 'missing' }, 'ENOENT', /\/nowhere\/file is not there\.$/],
    [
      'nothing that listens',
      { FAULT: 'refused' },
      'ECONNREFUSED',
      /Nothing is listening at 127\.0\.0\.1:1: start it/,
    ],
    ['a defect after the start', { FAULT: 'later' }, 'INTERNAL', /something unforeseen/],
    ['a rejection that nobody handles', { FAULT: 'rejected' }, 'INTERNAL', /something unforeseen/],
  ])('reports %s in one JSON line, and exits with 1', async (_, more, fault, message) => {
    const { code, log, stderr } = await run({ ...env, ...more })
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(log.at(-1)).toMatchObject({ level: 'fatal', service: 'sample', code: fault })
    expect(log.at(-1)?.msg).toMatch(/^sample is stopping on a fault: /)
    expect(log.at(-1)?.msg).toMatch(message)
  })

  test('logs that it stops when a signal arrives before it has started', async () => {
    const { code, log } = await run({ ...env, FAULT: 'waits' }, 'SIGTERM')
    expect(code).toBe(0)
    expect(log.at(-1)).toMatchObject({ msg: 'sample is stopping before it has started: it was asked to' })
  })
})

describe('a service in development', () => {
  test.each([
    [
      'a bad variable',
      { PORT: 'high' },
      /^CONFIG_INVALID: the configuration is not usable:\n {2}PORT: holds "high"/,
    ],
    ['a file that is not there', { FAULT: 'missing' }, /^ENOENT: \/nowhere\/file is not there\.\n$/],
  ])('reports %s in a sentence without a stack trace, and logs nothing', async (_, more, message) => {
    const { code, log, stderr } = await run({ PORT: '0', ...more })
    expect({ code, log }).toEqual({ code: 1, log: [] })
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/^\s+at /m)
  })
})
