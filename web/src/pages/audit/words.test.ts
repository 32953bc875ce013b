import { describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../api/types';
import { deed, detail, GROUPS, readAuditFilter, who } from './words';

const ME = '0198-me';

function entry(rest: Partial<AuditEntry>): AuditEntry {
  return {
    id: '0198',
    created_at: '2026-11-22T12:00:00Z',
    action: 'sign_in',
    actor: 'user',
    actor_id: ME,
    actor_email: 'ada@aurora.example',
    key_id: null,
    subject: null,
    subject_id: null,
    address: null,
    request_id: null,
    details: null,
    ...rest,
  };
}

describe('who did it', () => {
  test('is the reader, or somebody by their address', () => {
    expect(who(entry({}), ME)).toBe('You');
    expect(who(entry({ actor_id: 'other' }), ME)).toBe('ada@aurora.example');
    expect(who(entry({ actor: 'key' }), ME)).toBe('A key of yours');
    expect(who(entry({ actor: 'operator', actor_id: null }), ME)).toBe('The operator');
    expect(who(entry({ actor: 'nobody', actor_id: null }), ME)).toBe('Somebody');
  });

  test('may have been erased', () => {
    expect(who(entry({ actor_id: 'other', actor_email: null }), ME)).toBe('an account that is no more');
  });
});

describe('what was done', () => {
  test('is told in words, and by its name where there are none yet', () => {
    expect(deed(entry({ action: 'key_created' }))).toBe('made an API key');
    expect(deed(entry({ action: 'moon_landed' as AuditEntry['action'] }))).toBe('moon_landed');
  });

  test('has its details behind it', () => {
    expect(detail(entry({ details: { fields: ['first_name', 'organization'], jobs_left: 3, why: null } }))).toBe(
      'fields: first_name, organization · jobs left: 3',
    );
    expect(detail(entry({}))).toBe('');
  });
});

describe('the filter in the address', () => {
  test('holds only what fits', () => {
    expect(readAuditFilter({ group: 'keys', from: '2026-11-22T00:00:00Z', to: 'soon' })).toEqual({
      group: 'keys',
      from: '2026-11-22T00:00:00Z',
    });
    expect(readAuditFilter({ group: 'moons' })).toEqual({});
  });

  test('can choose every deed', () => {
    const actions = GROUPS.flatMap(group => group.actions);
    expect(new Set(actions).size).toBe(actions.length);
    expect(actions).toHaveLength(22);
  });
});
