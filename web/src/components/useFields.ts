import { type ChangeEvent, useState } from 'react';

/** The texts of a form, and what ties each to its input. */
export function useFields<T extends Record<string, string>>(initial: T) {
  const [values, setValues] = useState(initial);
  const set = (changed: Partial<T>) => setValues(known => ({ ...known, ...changed }));
  const field = (name: keyof T & string) => ({
    name,
    value: values[name],
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      set({ [name]: event.currentTarget.value } as unknown as Partial<T>),
  });
  return { values, set, field };
}
