// Reads the files of deploy/ for tests.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from '#test/docs/pages.ts'

export function readText(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

/** Returns the single document of a YAML file with its merge keys resolved. */
export function readYaml(file: string): unknown {
  return parse(readText(file), { merge: true })
}

/** Returns the documents of a YAML text in order. Throws on the first that is invalid. */
export function documentsOf(text: string): unknown[] {
  return parseAllDocuments(text).map(document => {
    const [error] = document.errors
    if (error) throw error
    return document.toJS()
  })
}

/** Returns why `command` cannot run here; undefined when it can. */
export function whyNot(command: string, ...args: readonly string[]): string | undefined {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return undefined
  } catch {
    return `${[command, ...args].join(' ')} does not run here`
  }
}

/** Merges objects deeply: maps are merged, lists concatenated, and of anything else the later wins. */
export function overlaid(below: unknown, above: unknown): unknown {
  if (Array.isArray(below) && Array.isArray(above)) return [...below, ...above]
  if (!isMap(below) || !isMap(above)) return above
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above))
    merged[key] = key in below ? overlaid(below[key], value) : value
  return merged
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
