/** What the calls of `/reports` answer as JSON. */

export type UsageFigures = {
  jobs: number;
  finished: number;
  failed: number;
  steps: number;
  points_earned: number;
  hours: number;
};

export type UsageRow = UsageFigures & {
  month: string;
  from: string;
  before: string;
  customer_link_id: string | null;
  customer_id: string | null;
  customer_email: string | null;
  tag: string;
  name: string;
  version: string | null;
};

export type Usage = { items: UsageRow[]; totals: UsageFigures };

export type JobUsage = Omit<UsageFigures, 'jobs'> & {
  job_id: string;
  provider_job_id: string | null;
  deleted: boolean;
  created_at: string;
  opened: number;
};
