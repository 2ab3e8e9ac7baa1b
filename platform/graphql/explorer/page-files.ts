// The files that the explorer's page is made of: a fixed list, from the installed packages and from this folder.
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

export type PageFile = {
  readonly name: string
  readonly type: string
  /** Read at the first call, and kept. */
  readonly load: () => Promise<{ readonly bytes: Buffer; readonly etag: string }>
}

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const { resolve } = createRequire(import.meta.url)

/** Name under which it is served, where it is, its type: in the order in which the page needs them. */
const FILES = [
  ['graphiql.css', inPackage('graphiql', 'graphiql.min.css'), CSS],
  ['page.css', path.join(import.meta.dirname, 'page-style.css'), CSS],
  ['react.js', inPackage('react', 'umd/react.production.min.js'), JAVASCRIPT],
  ['react-dom.js', inPackage('react-dom', 'umd/react-dom.production.min.js'), JAVASCRIPT],
  ['graphql-ws.js', inPackage('graphql-ws', 'umd/graphql-ws.min.js'), JAVASCRIPT],
  ['graphiql.js', inPackage('graphiql', 'graphiql.min.js'), JAVASCRIPT],
  ['page.js', path.join(import.meta.dirname, 'page-script.js'), JAVASCRIPT],
] as const

export const SCRIPTS: readonly string[] = namesOf(JAVASCRIPT)
export const STYLES: readonly string[] = namesOf(CSS)

export function pageFiles(): readonly PageFile[] {
  return FILES.map(([name, file, type]) => {
    let loaded: ReturnType<PageFile['load']> | undefined
    const load = () => {
      loaded ??= read(file).catch((error: unknown) => {
        loaded = undefined
        throw error
      })
      return loaded
    }
    return { name, type, load }
  })
}

function namesOf(type: string): readonly string[] {
  return FILES.filter(file => file[2] === type).map(([name]) => name)
}

/** The packages' `exports` do not name their browser builds. */
function inPackage(name: string, file: string): string {
  return path.join(path.dirname(resolve(`${name}/package.json`)), file)
}

/** Without the pointer to a source map, which is not served. */
async function read(file: string): ReturnType<PageFile['load']> {
  const text = (await readFile(file, 'utf8')).replace(/\n\/\/# sourceMappingURL=\S*\s*$/, '\n')
  return { bytes: Buffer.from(text), etag: `"${hash('sha256', text, 'base64url')}"` }
}
