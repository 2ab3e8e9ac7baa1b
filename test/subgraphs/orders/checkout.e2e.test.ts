// Tests orders through all four subgraphs, with fulfilments on the event store.
import { checkoutContract } from '#test/subgraphs/orders/checkout.contract.ts'
import { runSubgraphs } from '#test/subgraphs/orders/orders-fixture.ts'

checkoutContract('the event store', () => runSubgraphs())
