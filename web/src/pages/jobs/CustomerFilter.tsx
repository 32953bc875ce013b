import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { customerLabel } from '../customers/customer';
import { customerChoices } from '../customers/queries';

type Props = {
  customer: string | undefined;
  onChange: (customer: string | undefined) => void;
  /** Whether jobs of nobody can be asked for. */
  hasNobody?: boolean;
};

const NOBODY = { value: 'none', label: 'Jobs of nobody' };

/** Jobs for one customer, named by address or by the id of their account, as the address of the page may have either. */
export function CustomerFilter({ customer, onChange, hasNobody = false }: Props) {
  const [isWanted, setWanted] = useState(customer !== undefined);
  const { data = [], isFetching } = useQuery({ ...customerChoices, enabled: isWanted });
  const chosen = data.find(one => one.customer_id === customer || one.email === customer?.toLowerCase());
  const choices = [
    ...data.map(one => ({ value: one.email, label: customerLabel(one) })),
    ...(hasNobody ? [NOBODY] : []),
  ];
  const isUnknown = customer !== undefined && chosen === undefined && !(hasNobody && customer === NOBODY.value);
  return (
    <Select
      w={150}
      aria-label="Customer"
      placeholder="Customer"
      data={isUnknown ? [{ value: customer, label: customer }, ...choices] : choices}
      value={chosen?.email ?? customer ?? null}
      onChange={value => onChange(value ?? undefined)}
      onDropdownOpen={() => setWanted(true)}
      nothingFoundMessage={isFetching ? 'Loading …' : 'No such customer'}
      comboboxProps={{ width: 320, position: 'bottom-start' }}
      searchable
      clearable
      limit={200}
    />
  );
}
