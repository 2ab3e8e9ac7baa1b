// The screens that all three front ends show. They get plain data and know no GraphQL client.
import { type FormEvent, type ReactNode, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { text } from './outcome.ts'

type ShownOrder = {
  readonly id: string
  readonly number: string
  readonly status: string
  readonly cancellationRequested: boolean
  readonly total: { readonly amount: string; readonly currency: string }
}

type ShownPage = ShownOrder & {
  readonly allowedActions: readonly string[]
  readonly cancellation?: { readonly reason: string } | null
  readonly lines: readonly { readonly id: string; readonly title: string; readonly quantity: number }[]
  readonly payments?: readonly { readonly id: string; readonly status: string }[] | null
}

type Paging = {
  readonly hasNewer: boolean
  readonly hasOlder: boolean
  readonly onNewer: () => void
  readonly onOlder: () => void
}

/** Shows the app in the page. */
export function show(app: ReactNode): void {
  const root = document.getElementById('root')
  if (root) createRoot(root).render(<StrictMode>{app}</StrictMode>)
}

export function OrderRows({
  orders,
  paging,
  onSelect,
}: {
  readonly orders: readonly ShownOrder[]
  readonly paging: Paging
  readonly onSelect: (id: string) => void
}) {
  return (
    <section aria-label="Orders" data-newer={paging.hasNewer} data-older={paging.hasOlder}>
      <button type="button" onClick={paging.onNewer}>
        Newer
      </button>
      <ol>
        {orders.map(order => (
          <li key={order.id} data-order={order.id}>
            <button type="button" onClick={() => onSelect(order.id)}>
              {order.number}
            </button>
            <State order={order} />
          </li>
        ))}
      </ol>
      <button type="button" onClick={paging.onOlder}>
        Older
      </button>
    </section>
  )
}

/** Shows the part of an order that the list and the page must agree on. */
function State({ order }: { readonly order: ShownOrder }) {
  return (
    <output data-status={order.status}>
      {order.status} {order.cancellationRequested ? 'asked to cancel ' : ''}
      {text(order.total)}
    </output>
  )
}

export function OrderDetails({
  order,
  onCancel,
}: {
  readonly order: ShownPage
  readonly onCancel: () => void
}) {
  return (
    <section aria-label="Order" data-order={order.id}>
      <h2>{order.number}</h2>
      <State order={order} />
      <p>{order.cancellation?.reason}</p>
      <ul>
        {order.lines.map(line => (
          <li key={line.id}>
            {line.quantity} × {line.title}
          </li>
        ))}
      </ul>
      <p>{order.payments?.map(({ status }) => status).join()}</p>
      <p>{order.allowedActions.join()}</p>
      <button type="button" onClick={onCancel}>
        Cancel
      </button>
    </section>
  )
}

/** The basket is typed as JSON, so that a test can order whatever the input takes. */
export function CheckoutForm<Input>({ onOrder }: { readonly onOrder: (input: Input) => void }) {
  const [basket, setBasket] = useState('')
  function order(event: FormEvent) {
    event.preventDefault()
    onOrder(JSON.parse(basket))
  }
  return (
    <form aria-label="Checkout" onSubmit={order}>
      <textarea aria-label="Basket" value={basket} onChange={event => setBasket(event.target.value)} />
      <button type="submit">Order</button>
    </form>
  )
}

/** Shows what became of the last command. */
export function Outcome({ sentence }: { readonly sentence: string }) {
  return <p role="status">{sentence}</p>
}
