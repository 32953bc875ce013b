import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Failed, Loading } from '../../components/States';
import { asDocument } from './document';
import { BLANK, EXAMPLE, readFrom } from './editor/beginnings';
import { ConfigurationEditor } from './editor/ConfigurationEditor';
import { configurationQuery, schemaQuery, versionsQuery } from './queries';
import { nextVersion } from './semver';

const route = getRouteApi('/signed-in/provider/configurations/new');

export function NewConfigurationPage() {
  const { from } = route.useSearch();
  const beginning = readFrom(from);
  const schema = useQuery(schemaQuery);
  if (schema.data === undefined) {
    return schema.isError ? (
      <Failed error={schema.error} retry={() => void schema.refetch()} isPage />
    ) : (
      <Loading label="Loading the editor" />
    );
  }
  if (typeof beginning === 'object') {
    return <NewVersion {...beginning} schema={schema.data} key={from} />;
  }
  return (
    <ConfigurationEditor
      key={beginning}
      title="New configuration"
      beginning={beginning === 'example' ? EXAMPLE : BLANK}
      schema={schema.data}
      base={null}
      taken={[]}
      isBlank={beginning === 'blank'}
    />
  );
}

function NewVersion({ tag, version, schema }: { tag: string; version: string; schema: object }) {
  const configuration = useQuery(configurationQuery(tag, version));
  const versions = useQuery(versionsQuery(tag));
  // Once both are there a failure to read them again must not take away what somebody types.
  if (configuration.data === undefined || versions.data === undefined) {
    const failed = [configuration, versions].find(query => query.isError);
    return failed === undefined ? (
      <Loading label="Loading the configuration" />
    ) : (
      <Failed error={failed.error} retry={() => void failed.refetch()} isPage />
    );
  }
  const taken = versions.data.map(known => known.version);
  const base = configuration.data.version;
  return (
    <ConfigurationEditor
      title={`New version of ${configuration.data.name}`}
      beginning={{ ...asDocument(configuration.data), version: nextVersion(base, taken) }}
      schema={schema}
      base={base}
      taken={taken}
      isBlank={false}
    />
  );
}
