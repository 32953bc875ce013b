import type { Configuration, NewConfiguration } from '../../api/types';

/** A registered configuration as one would register it: a file to keep, to change, or to send again. */
export function asDocument(configuration: Configuration): Required<Omit<NewConfiguration, '$schema'>> {
  const { tag, name, version, step_configurations } = configuration;
  return {
    tag,
    name,
    version,
    step_configurations: step_configurations.map(step => ({
      tag: step.tag,
      name: step.name,
      points: step.points,
      metadata_configurations: step.metadata_configurations.map(({ name, kind, units }) => ({ name, kind, units })),
    })),
  };
}

/** How a configuration's file is called. Tags and versions have no characters that a file's name may not have. */
export function fileName({ tag, version }: { tag: string; version: string }): string {
  return `${tag}-${version}.json`;
}
