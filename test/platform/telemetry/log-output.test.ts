// Logging to outputs that really fail: a device that is always full, a pipe without a reader, and one that is not read.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Steering } from './logging-process.ts'

const MODULE = fileURLToPath(new URL('logging-process.ts', import.meta.url))
/** More than what may wait, so that lines are lost. */
const TOO_MANY = 2_000

let undo = new AsyncDisposableStack()
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waybill-log-'))
  undo.defer(() => rm(folder, { recursive: true, force: true }))
})
afterEach(async () => {
  await undo.disposeAsync()
  undo = new AsyncDisposableStack()
})

async function logging(stdout: number) {
  const child = fork(MODULE, { stdio: ['ignore', stdout, 'inherit', 'ipc'] })
  undo.defer(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the process ended')))
  ended.catch(() => {}) // at the end of a test it does
  await Promise.race([once(child, 'message'), ended])
  return child
}

/** The process's reply, which it can only give while it lives and its event loop runs. */
async function steer(child: ChildProcess, steering: Steering): Promise<{ lost: number; failures: string }> {
  const answered = once(child, 'message')
  child.send(steering)
  const [{ metrics }] = (await answered) as [{ metrics: string }]
  const [, lost = '0'] = /^waybill_log_lines_lost_total (\d+)$/m.exec(metrics) ?? []
  const [, failures = ''] = /^waybill_log_write_failures_total\{code="(\w+)"\} [1-9]/m.exec(metrics) ?? []
  return { lost: Number(lost), failures }
}

/** A pipe with a name, which readers can leave and come back to. */
function makePipe(): string {
  const file = path.join(folder, 'pipe')
  execFileSync('mkfifo', [file])
  return file
}

const openReader = (file: string) => openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)

/** Reads the pipe until a line holds `text`. */
async function readUntil(file: string, text: string): Promise<string[]> {
  await using handle = await open(file, constants.O_RDONLY)
  let seen = ''
  const buffer = Buffer.alloc(65_536)
  while (!seen.includes(text)) {
    const { bytesRead } = await handle.read(buffer)
    seen += buffer.toString('utf8', 0, bytesRead)
  }
  return seen.split('\n')
}

describe('a process whose log cannot be written', () => {
  test.skipIf(!existsSync('/dev/full'))(
    'survives a full disk, and counts the lines that are lost',
    async () => {
      const full = openSync('/dev/full', 'w')
      undo.defer(() => closeSync(full))
      const child = await logging(full)
      await steer(child, { log: TOO_MANY })
      await expect.poll(() => steer(child, { log: 1 })).toMatchObject({ failures: 'ENOSPC' })
      const { lost } = await steer(child, { log: 1 })
      expect(lost).toBeGreaterThan(500)
      expect((await steer(child, { log: 10 })).lost).toBe(lost + 10)
    },
  )

  test('goes on when a reader closes the pipe, and tells the next reader how many lines were lost', async () => {
    const file = makePipe()
    const reader = openReader(file)
    const writer = openSync(file, constants.O_WRONLY)
    undo.defer(() => closeSync(writer))
    const child = await logging(writer)
    closeSync(reader)
    await steer(child, { log: TOO_MANY })
    await expect.poll(() => steer(child, {})).toMatchObject({ failures: 'EPIPE' })
    const { lost } = await steer(child, {})
    expect(lost).toBeGreaterThan(500)
    const lines = await readUntil(file, 'logging works again')
    const resumed = lines.findLast(line => line.includes('logging works again'))
    expect(JSON.parse(resumed ?? '')).toMatchObject({
      level: 'error',
      service: 'logging',
      lost,
      msg: `logging works again; ${lost} lines before this one were lost`,
    })
    for (const line of lines.slice(1, -1)) expect(() => JSON.parse(line), line).not.toThrow()
  })

  test('is not blocked by a reader that does not read', async () => {
    const file = makePipe()
    const reader = openReader(file)
    const writer = openSync(file, constants.O_WRONLY)
    undo.defer(() => {
      closeSync(writer)
      closeSync(reader)
    })
    const child = await logging(writer)
    expect((await steer(child, { log: TOO_MANY })).lost).toBeGreaterThan(500)
    expect((await steer(child, { log: 10 })).lost).toBeGreaterThan(500)
    await readUntil(file, 'logging works again')
  })

  test('writes its buffered lines when it ends', async () => {
    const file = path.join(folder, 'log')
    const output = openSync(file, 'a')
    const child = await logging(output)
    closeSync(output)
    child.send({ log: 500, exit: true } satisfies Steering)
    await once(child, 'exit')
    expect(await readFile(file, 'utf8')).toContain('the last line')
  })

  test('writes every line in order when it finishes its log, and none after that', async () => {
    const file = makePipe()
    const reader = openReader(file)
    const writer = openSync(file, constants.O_WRONLY)
    undo.defer(() => closeSync(writer))
    const child = await logging(writer)
    // More than a pipe takes at once, so that a write is still under way when the process ends.
    child.send({ log: 200, finish: true } satisfies Steering)
    const lines = await readUntil(file, 'the last line')
    closeSync(reader)
    await once(child, 'exit')
    expect(lines.slice(0, -1).map(line => JSON.parse(line).msg)).toEqual([
      ...Array(200).fill('filling'),
      'the last line',
    ])
  })
})
