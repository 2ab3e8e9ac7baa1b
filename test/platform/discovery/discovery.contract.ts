// The contract of every discovery, and that of those which look services up by name.
import { describe, expect, test, vi } from 'vitest'
import type { Discovery, Instance, ServiceInstances } from '#platform/discovery/discovery.ts'

export type Placed = { readonly host: string; readonly port: number; readonly weight: number }

export type DiscoveryUnderTest = AsyncDisposable & {
  readonly discovery: Discovery
  /** Puts a service where it is said, in place of where it was. Returns what a URL variable says of it, at `/graphql`. */
  place(name: string, instances: readonly Placed[]): Promise<string>
}

const TWO: readonly Placed[] = [
  { host: '127.0.0.1', port: 4101, weight: 1 },
  { host: '127.0.0.2', port: 4102, weight: 3 },
]
const urlsOf = (instances: readonly Instance[]) => instances.map(({ url }) => url)

export function discoveryContract(open: () => Promise<DiscoveryUnderTest>): void {
  test('a service has all its instances, with their weights, at the given path', async () => {
    await using under = await open()
    const followed = under.discovery.watch(await under.place('orders', TWO))
    await followed.resolved
    expect(followed.current()).toEqual([
      { url: 'http://127.0.0.1:4101/graphql', weight: 1 },
      { url: 'http://127.0.0.2:4102/graphql', weight: 3 },
    ])
  })

  test('addresses need no lookup', async () => {
    await using under = await open()
    const followed = under.discovery.watch('https://a/graphql|http://b:1/graphql#weight=2')
    expect(followed.isFixed).toBe(true)
    expect(followed.current()).toEqual([
      { url: 'https://a/graphql', weight: 1 },
      { url: 'http://b:1/graphql', weight: 2 },
    ])
  })

  test('text without an address or a name is refused', async () => {
    await using under = await open()
    expect(() => under.discovery.watch('orders:4101')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('orders:4101') }),
    )
  })

  test('health says that the known instances are current', async () => {
    await using under = await open()
    await under.discovery.watch(await under.place('orders', TWO)).resolved
    expect(under.discovery.health()).toMatchObject({ ok: true })
  })
}

/** For those that look services up by name. */
export function namedDiscoveryContract(open: () => Promise<DiscoveryUnderTest>): void {
  /** Resolves once `followed` is at `urls`. */
  const arrives = (followed: ServiceInstances, urls: readonly string[]) =>
    vi.waitFor(() => expect(urlsOf(followed.current())).toEqual(urls), { timeout: 20_000 })

  describe('a service that is looked up', () => {
    test('is watched as its instances come and go, and listeners are notified', async () => {
      await using under = await open()
      const address = await under.place('orders', TWO)
      const followed = under.discovery.watch(address)
      await followed.resolved
      const listener = vi.fn()
      const stop = followed.onChange(listener)
      await under.place('orders', TWO.slice(1))
      await arrives(followed, ['http://127.0.0.2:4102/graphql'])
      expect(listener).toHaveBeenCalled()
      stop()
      listener.mockClear()
      await under.place('orders', TWO)
      await arrives(followed, ['http://127.0.0.1:4101/graphql', 'http://127.0.0.2:4102/graphql'])
      expect(listener).not.toHaveBeenCalled()
    })

    test('is watched once, however often it is opened', async () => {
      await using under = await open()
      const address = await under.place('orders', TWO)
      expect(under.discovery.watch(address)).toBe(under.discovery.watch(address))
    })

    test('keeps its last instances while none is known to be healthy', async () => {
      await using under = await open()
      const followed = under.discovery.watch(await under.place('orders', TWO.slice(0, 1)))
      const other = under.discovery.watch(await under.place('payment', TWO))
      await Promise.all([followed.resolved, other.resolved])
      await under.place('orders', [])
      await under.place('payment', TWO.slice(1))
      await arrives(other, ['http://127.0.0.2:4102/graphql'])
      expect(urlsOf(followed.current())).toEqual(['http://127.0.0.1:4101/graphql'])
    })

    test('has no instances when the registry does not know it', async () => {
      await using under = await open()
      const followed = under.discovery.watch('service://nobody/graphql')
      await followed.resolved
      expect(followed.current()).toEqual([])
      expect(under.discovery.health()).toMatchObject({ ok: false, detail: expect.stringContaining('nobody') })
    })
  })
}
