import type { CustomerFiguresItem } from '../../api/types';

/** Whom one sees first: the organization, else the person, else the address. */
export function customerName(customer: CustomerFiguresItem['customer']): string {
  if (customer === null) {
    return 'Nobody';
  }
  const person = [customer.first_name, customer.last_name].filter(Boolean).join(' ');
  return customer.organization ?? (person || (customer.email ?? 'An erased customer'));
}
