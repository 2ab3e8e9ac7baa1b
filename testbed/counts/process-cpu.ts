// Reads the CPU time of an instance's processes and of its database server, on Linux.
import { readdir, readFile } from 'node:fs/promises'
import process from 'node:process'
import type { WaybillProcess } from '#testbed/waybill-process.ts'

/** CPU milliseconds since each process began. */
export type CpuTimes = Readonly<Record<'domain' | 'edge' | 'postgres' | 'load', number>>

const TICK_MS = 10

/** Returns a function that reads the times. Where the system has no /proc, only `load`, this process, is counted. */
export async function openCpuMeter(
  instance: WaybillProcess,
  postmaster: number,
): Promise<() => Promise<CpuTimes>> {
  const [domain, edge] = await Promise.all([instance.hostPid('orders'), instance.hostPid('gateway')])
  return async () => {
    const { user, system } = process.cpuUsage()
    const [ofDomain, ofEdge, ofPostgres] = await Promise.all([
      timeOf(domain),
      domain === edge ? 0 : timeOf(edge),
      serverTime(postmaster),
    ])
    return { domain: ofDomain, edge: ofEdge, postgres: ofPostgres, load: (user + system) / 1000 }
  }
}

type Stat = { readonly parent: number; readonly own: number; readonly ofEndedChildren: number }

async function timeOf(pid: number): Promise<number> {
  return (await statOf(String(pid)))?.own ?? 0
}

/** Adds up the server, its living children and those that have ended. */
async function serverTime(postmaster: number): Promise<number> {
  const pids = (await readdir('/proc').catch(() => [])).filter(name => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map(async pid => ({ pid: Number(pid), stat: await statOf(pid) })))
  return stats.reduce((sum, { pid, stat }) => {
    if (pid === postmaster) return sum + (stat?.own ?? 0) + (stat?.ofEndedChildren ?? 0)
    return stat?.parent === postmaster ? sum + stat.own : sum
  }, 0)
}

/** Returns undefined for a process that has ended. */
async function statOf(pid: string): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined) // it has ended
  if (text === undefined) return undefined
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const ticks = (from: number) => ((fields[from] ?? 0) + (fields[from + 1] ?? 0)) * TICK_MS
  return { parent: fields[1] ?? 0, own: ticks(11), ofEndedChildren: ticks(13) }
}
