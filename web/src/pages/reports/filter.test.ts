import { describe, expect, test } from 'vitest';
import { proofQuestion, readReportFilter, reportAddress, reportCommand, reportQuestion } from './filter';

describe('the filter in the address', () => {
  test('is read as it was written', () => {
    const search = {
      period: 'all',
      tag: 'kidney',
      version: '1.0.0',
      customer: 'none',
      status: 'error,completed',
      by_version: 'true',
    };
    expect(readReportFilter(search)).toEqual({ ...search, status: ['completed', 'error'], by_version: true });
  });

  test('leaves out what is no filter, and a version of nothing', () => {
    expect(readReportFilter({ period: 'soon', version: '1.0.0', customer: ' ', status: 'lost' })).toEqual({});
  });

  test('means last month where it says nothing', () => {
    expect(reportQuestion({}, '2026-03-15', 'Europe/Berlin')).toEqual({
      from: '2026-02-01',
      to: '2026-02-28',
      zone: 'Europe/Berlin',
    });
  });
});

describe('a report', () => {
  const question = { from: '2026-02-01', to: '2026-02-28', zone: 'Europe/Berlin', customer: 'ines@clinic.example' };

  test('has an address', () => {
    expect(reportAddress('usage', { question, format: 'xlsx' })).toBe(
      '/api/v1/reports/usage?from=2026-02-01&to=2026-02-28&zone=Europe%2FBerlin&customer=ines%40clinic.example&format=xlsx',
    );
  });

  test('has a command', () => {
    expect(reportCommand('usage', { question, format: 'csv', isByVersion: true })).toBe(
      'milepost report usage --from 2026-02-01 --to 2026-02-28 --zone Europe/Berlin --customer ines@clinic.example --by-version --format csv',
    );
    expect(reportCommand('events', { question: { zone: 'UTC', tag: "it's $HOME" }, format: 'parquet' })).toBe(
      "milepost report events --zone UTC --tag 'it'\\''s $HOME' --format parquet",
    );
  });

  test('of all time names no days, and of events no versions', () => {
    const everything = reportQuestion({ period: 'all' }, '2026-03-15', 'UTC');
    expect(reportAddress('events', { question: everything, format: 'csv', isByVersion: true })).toBe(
      '/api/v1/reports/events?zone=UTC&format=csv',
    );
  });

  test('has rows whose jobs are asked for by their own part of the period', () => {
    const row = {
      month: '2026-02',
      from: '2026-02-01T00:00:00+01:00',
      before: '2026-03-01T00:00:00+01:00',
      customer_link_id: null,
      customer_id: null,
      customer_email: null,
      tag: 'kidney',
      name: 'Kidneys',
      version: null,
      ...{ jobs: 1, finished: 1, failed: 0, steps: 2, points_earned: 30, hours: 0.5 },
    };
    expect(proofQuestion(row, { ...question, version: '1.0.0', status: 'completed' })).toEqual({
      from: row.from,
      to: row.before,
      zone: 'Europe/Berlin',
      tag: 'kidney',
      version: '1.0.0',
      customer: 'none',
      status: 'completed',
    });
    expect(proofQuestion({ ...row, version: '2.0.0', customer_link_id: '0198' }, question)).toMatchObject({
      version: '2.0.0',
      customer: '0198',
    });
  });
});
