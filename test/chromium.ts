// A headless Chromium that reaches nothing but this machine: CHROMIUM, or one from PATH. Says why there is none.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const INSTALL_TIMEOUT_MS = 300_000

export type Chromium = { start(): Promise<Browser> } | { readonly missing: string }

/** Where there is none, root on a Debian installs it once; anybody else is told. */
export async function findChromium(): Promise<Chromium> {
  const program = process.env.CHROMIUM ?? onPath(NAMES) ?? (await installed())
  if (program === undefined)
    return {
      missing: 'no Chromium on PATH, and this account cannot install one: set CHROMIUM to its program',
    }
  return { start: () => launch(program) }
}

/** A page that notes what went wrong on it, and what it asked of other machines. */
export async function openPage(browser: Browser): Promise<{
  readonly page: Page
  readonly problems: string[]
  readonly foreign: string[]
}> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  const problems: string[] = []
  const foreign: string[] = []
  page.on('pageerror', error => problems.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error') problems.push(message.text())
  })
  page.on('request', request => {
    const url = new URL(request.url())
    if (url.protocol.startsWith('http') && url.hostname !== '127.0.0.1') foreign.push(url.href)
  })
  return { page, problems, foreign }
}

/** Names resolve to nothing, so that only addresses of this machine answer. */
function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      '--disable-background-networking',
      '--disable-component-update',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  })
}

async function installed(): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || onPath(['apt-get']) === undefined) return undefined
  const run = promisify(execFile)
  const options = { timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  try {
    await run('apt-get', ['update'], options)
    await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], options)
  } catch {
    return undefined // the tests say that there is none
  }
  return onPath(NAMES)
}

function onPath(names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return names.flatMap(name => folders.map(folder => path.join(folder, name))).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
