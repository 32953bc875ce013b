import type { components, operations } from './schema';

type Schemas = components['schemas'];

export type ApiKey = Schemas['ApiKey'];
export type AuditAction = Schemas['AuditAction'];
export type AuditEntry = Schemas['AuditEntry'];
export type Configuration = Schemas['Configuration'];
export type ConfigurationSettings = Schemas['Settings'];
export type Customer = Schemas['Customer'];
export type Distribution = Schemas['Distribution'];
export type Event = Schemas['Event'];
export type EventKind = Schemas['EventKind'];
export type ExpectedEnd = Schemas['ExpectedEnd'];
export type Invitation = Schemas['Invitation'];
export type Job = Schemas['Job'];
export type JobDetail = Schemas['JobDetail'];
export type JobListItem = Schemas['JobListItem'];
export type JobSort = NonNullable<NonNullable<operations['list_jobs']['parameters']['query']>['sort']>;
export type JobStatus = Schemas['JobStatus'];
export type JobStep = Schemas['JobStep'];
export type Measured = Schemas['Measured'];
export type MetadataKind = Schemas['MetadataKind'];
export type NewConfiguration = Schemas['NewConfiguration'];
export type NewMetadata = Schemas['NewMetadata'];
export type NewStep = Schemas['NewStep'];
export type Outlook = Schemas['Outlook'];
export type Problem = Schemas['Problem'];
export type Role = Schemas['Role'];
export type Scope = Schemas['Scope'];
export type Session = Schemas['Session'];
export type StepBrief = Schemas['StepBrief'];
export type StepStatus = Schemas['StepStatus'];
export type User = Schemas['User'];
export type VersionChange = Schemas['VersionChange'];
export type VersionCheck = Schemas['VersionCheck'];

/** One page of a list. */
export type Page<T> = { items: T[]; next: string | null };
