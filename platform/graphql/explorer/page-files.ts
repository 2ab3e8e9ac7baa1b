// Lists the files of the explorer's page, from the installed packages and from this folder.
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

export type PageFile = {
  readonly name: string
  readonly type: string
  /** Reads the file at the first call, and keeps it. */
  readonly load: () => Promise<{ readonly bytes: Buffer; readonly etag: string }>
}

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const { resolve } = createRequire(import.meta.url)

/** The name, path and type of each file, in the order in which the page needs them. */
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

/** Resolves a path in a package: its `exports` do not name the browser build. */
function inPackage(name: string, file: string): string {
  return path.join(path.dirname(resolve(`${name}/package.json`)), file)
}

/** Leaves out the reference to a source map, which is not served. */
async function read(file: string): ReturnType<PageFile['load']> {
  const text = (await readFile(file, 'utf8')).replace(/\n\/\/# sourceMappingURL=\S*\s*$/, '\n')
  return { bytes: Buffer.from(text), etag: `"${hash('sha256', text, 'base64url')}"` }
}
