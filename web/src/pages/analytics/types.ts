/** What the calls of `/analytics` answer. */

export type Figures = {
  opened: number;
  pending: number;
  running: number;
  completed: number;
  error: number;
  abandoned: number;
  finished: number;
  failed: number;
  hours: number;
  steps: number;
  points: number;
  errors: number;
};

export type Unit = 'day' | 'month';

export type Asked = { from: string; to: string; zone: string; by: Unit };
export type Before = { from: string; to: string };

export type JobPart = Figures & {
  date: string;
  from: string;
  to: string;
  open: number;
  configurations: (Figures & { tag: string | null })[];
};

export type JobFigures = {
  period: Asked;
  before: Before;
  totals: Figures;
  totals_before: Figures;
  parts: JobPart[];
};

export type StepVersion = {
  version: string;
  first_seen: string | null;
  finished: number;
  errors: number;
  error_rate: number | null;
  samples: number;
  median: number | null;
  p90: number | null;
};

export type StepFigures = {
  tag: string;
  step: string;
  name: string;
  finished: number;
  errors: number;
  error_rate: number | null;
  error_rate_before: number | null;
  samples: number;
  median: number | null;
  p90: number | null;
  versions: StepVersion[];
};

export type Steps = { period: Asked; before: Before; items: StepFigures[]; more: number };

export type Quantiles = { samples: number; p10: number; median: number; p90: number };

export type FieldFigures = Quantiles & {
  name: string;
  units: string | null;
  min: number;
  max: number;
  histogram: { from: number; to: number; count: number }[];
  versions: (Quantiles & { version: string })[];
  trend: (Quantiles & { date: string })[];
};

export type Fields = { period: Asked; items: FieldFigures[] };

export type CustomerFigures = Figures & {
  customer: {
    id: string;
    customer_id: string | null;
    email: string | null;
    first_name: string | null;
    last_name: string | null;
    organization: string | null;
  } | null;
  before: Figures;
};

export type Customers = {
  period: Asked;
  before: Before;
  items: CustomerFigures[];
  more: Figures & { customers: number };
};
