// Reads the sources of generated files, and writes the generated files or reports which of them are stale.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { concatAST, type DocumentNode, parse } from 'graphql'
import { invocationOf, runCommand } from '#tools/command-line.ts'
import type { codegen } from '#tools/commands.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** `file` is a path from the root of the repository. */
export type GeneratedFile = { readonly file: string; readonly text: string }

/** Returns the text of a file by its path from the root of the repository. */
export function readText(file: string): Promise<string> {
  return readFile(path.join(ROOT, file), 'utf8')
}

/** Returns all operation files of a folder as one document. */
export async function readOperations(folder: string): Promise<DocumentNode> {
  const texts = await Promise.all((await operationFiles(folder)).map(readText))
  return concatAST(texts.map(text => parse(text, { noLocation: true })))
}

/** Returns each operation file of a folder as a document of its own; none for a missing folder. */
export async function readOperationFiles(folder: string): Promise<DocumentNode[]> {
  const texts = await Promise.all((await operationFiles(folder).catch(() => [])).map(readText)) // it need not be there
  return texts.map(text => parse(text, { noLocation: true }))
}

async function operationFiles(folder: string): Promise<string[]> {
  const names = (await readdir(path.join(ROOT, folder))).filter(name => name.endsWith('.graphql'))
  return names.sort().map(name => `${folder}/${name}`)
}

/** Returns the files that are missing or hold another text. */
export async function staleFiles(files: readonly GeneratedFile[]): Promise<GeneratedFile[]> {
  const stale = await Promise.all(
    files.map(async one =>
      // A file that cannot be read counts as stale.
      (await readText(one.file).catch(() => undefined)) === one.text ? [] : [one],
    ),
  )
  return stale.flat()
}

/** Runs a command that writes the stale files and prints their names. With `--check` it writes none, and fails when any is stale. */
export function runGenerator(
  command: typeof codegen,
  generate: () => Promise<GeneratedFile[]>,
): Promise<void> {
  return runCommand(command, async ({ values: { check } }) => {
    const files = await generate()
    const stale = await staleFiles(files)
    if (stale.length === 0) console.log(`Nothing was changed: ${count(files)} up to date.`)
    for (const { file, text } of stale) {
      const place = path.join(ROOT, file)
      const name = path.relative(process.cwd(), place)
      if (check) console.error(`${name} is stale: run \`${invocationOf(command).replace(/ --$/, '')}\``)
      else {
        await mkdir(path.dirname(place), { recursive: true })
        await writeFile(place, text)
        console.log(`Wrote ${name}.`)
      }
    }
    return check && stale.length > 0 ? 1 : 0
  })
}

function count(files: readonly GeneratedFile[]): string {
  return files.length === 1 ? 'the file is' : `the ${files.length} files are`
}
