// Runs the shell blocks of a page in one shell, as a reader's terminal does, and compares what they print.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { type Block, blocksOf, readPage } from '#test/docs/pages.ts'

/** The port base that the pages show: that of a plain `npm start`. */
const SHOWN_PORT_BASE = 4000

/** The running platform that the blocks are run against, and the tree whose commands they call. */
export type Target = {
  readonly tree: string
  readonly dataDir: string
  readonly portBase: number
  /** Connection strings by the one that the pages show. */
  readonly databases?: Readonly<Record<string, string>>
}

/** A shell block, and the output that the page shows below it. */
type ShellBlock = { readonly command: string; readonly output?: Block }

/** The shell blocks of a page, in order. Blocks that are marked `no-run` are left out. */
export function shellBlocksOf(page: string): ShellBlock[] {
  const blocks = blocksOf(readPage(page))
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh' || block.marks.includes('no-run')) return []
    const next = blocks[index + 1]
    const output = next && ['json', 'text'].includes(next.language) ? next : undefined
    return [{ command: block.text, ...(output && { output }) }]
  })
}

/** Sources the blocks one after the other in one shell. Returns what each printed. */
export async function runShellBlocks(blocks: readonly ShellBlock[], target: Target): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-docs-blocks-'))
  const file = (index: number, kind: string) => path.join(folder, `${index}.${kind}`)
  try {
    await Promise.all(
      blocks.map(({ command }, index) => writeFile(file(index, 'sh'), adaptedTo(target, command))),
    )
    const sourced = blocks.map((_, index) => `. ${file(index, 'sh')} > ${file(index, 'out')}`)
    const script = ["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ...sourced].join('\n')
    await promisify(execFile)('bash', ['-eo', 'pipefail', '-c', script], {
      cwd: target.tree,
      env: {
        ...process.env,
        PATH: `${path.join(target.tree, 'node_modules/.bin')}:${process.env.PATH}`,
        DATA_DIR: target.dataDir,
        PORT_BASE: String(target.portBase),
      },
    })
    return await Promise.all(blocks.map((_, index) => readFile(file(index, 'out'), 'utf8')))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A block as it is run: with the ports, data folder and databases of the target. */
function adaptedTo({ dataDir, portBase, databases = {} }: Target, command: string): string {
  const local = command
    .replace(
      /(127\.0\.0\.1:|PORT=)(4\d{3})\b/g,
      (_, before, port) => before + (Number(port) - SHOWN_PORT_BASE + portBase),
    )
    .replaceAll('.data/', `${dataDir}/`)
  return Object.entries(databases).reduce((text, [shown, real]) => text.replaceAll(shown, real), local)
}

/** The values that differ from run to run. They are compared by kind; all else must be as the page shows it. */
export const VARYING: Readonly<Record<string, RegExp>> = {
  'id of an order': /\bord_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g,
  'order number': /\bW[0-9A-HJKMNP-TV-Z]{10}\b/g,
  'tracking number': /\bSB[0-9A-F]{16}\b/g,
  'request id': /(?<="requestId": ")[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=")/g,
  instant: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g,
  duration: /(?<= in )\d+\.\d s$/gm,
  'version of the supergraph': /(?<=\bserves version )[0-9a-f]{12}\b/g,
  'position in a log': /(?<=\bat position )\d+\b/g,
  'events before a rebuild': /(?<=: rebuilt from )\d+(?= events? )/g,
  'orders of a customer who has ordered before': /(?<=^(?:first|second) sync: .*, )\d+(?= orders?$)/gm,
}

/** `text` with the name of its kind in place of each value that differs from run to run. */
export function lasting(text: string): string {
  return Object.entries(VARYING).reduce(
    (left, [kind, value]) => left.replace(value, `(${kind})`),
    text.trim(),
  )
}

/** The same for JSON, whose layout does not count. */
function lastingJson(text: string): unknown {
  return JSON.parse(lasting(JSON.stringify(JSON.parse(text), null, 1)))
}

/** Compares what a block printed with what its page shows; without shown output, JSON must have no errors. */
function compareOutput({ command, output }: ShellBlock, text: string, { portBase }: Target): void {
  const printed = text.replace(
    /(127\.0\.0\.1:)(\d+)/g,
    (_, before, port) => before + (Number(port) - portBase + SHOWN_PORT_BASE),
  )
  if (output?.language === 'json')
    expect.soft(lastingJson(printed), command).toEqual(lastingJson(output.text))
  if (output?.language === 'text') expect.soft(lasting(printed), command).toBe(lasting(output.text))
  for (const line of printed.split('\n').filter(line => line.startsWith('{') && output === undefined))
    expect.soft(JSON.parse(line), command).not.toHaveProperty('errors')
}

/** Runs what the page shows to be run, and compares what it printed with what the page shows. */
export async function followPage(page: string, target: Target): Promise<void> {
  const blocks = shellBlocksOf(page)
  const printed = await runShellBlocks(blocks, target)
  for (const [index, block] of blocks.entries()) compareOutput(block, printed[index] ?? '', target)
}
