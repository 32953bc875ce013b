import { Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { Configuration } from '../../api/types';
import { Id } from '../../components/Copy';
import { ButtonLink, TextLink } from '../../components/Links';
import { PageHeading } from '../../components/PageHeading';
import { Failed, Loading } from '../../components/States';
import { Time } from '../../components/Time';
import { counted } from '../../model/number';
import { Calibration } from './Calibration';
import { Comparison } from './diff/Comparison';
import { asDocument } from './document';
import { FileActions } from './FileActions';
import { configurationQuery, type KnownVersion, versionCheckQuery, versionsQuery } from './queries';
import { SharesBar } from './SharesBar';
import { SilenceLimit } from './SilenceLimit';
import { Steps } from './Steps';
import { totalPoints } from './shares';
import { Snippets } from './snippets/Snippets';
import { VersionChoice } from './VersionChoice';
import { VersionFit } from './VersionFit';

const route = getRouteApi('/signed-in/provider/configurations/$tag');

export function ConfigurationPage() {
  const { tag } = route.useParams();
  const { version = 'latest' } = route.useSearch();
  const configuration = useQuery(configurationQuery(tag, version));
  const versions = useQuery(versionsQuery(tag));
  if (configuration.data === undefined) {
    return configuration.isError ? (
      <Failed error={configuration.error} retry={() => void configuration.refetch()} isPage />
    ) : (
      <Loading label="Loading the configuration" />
    );
  }
  return <Shown configuration={configuration.data} versions={versions.data ?? [configuration.data]} />;
}

function Shown({ configuration, versions }: { configuration: Configuration; versions: KnownVersion[] }) {
  const { tag, name, version, created_at, step_configurations: steps } = configuration;
  const { compare } = route.useSearch();
  const isNewest = versions[0]?.version === version;
  return (
    <Stack gap="lg">
      <div>
        <PageHeading
          title={name}
          lead={<Id value={tag} label="Copy the tag" />}
          actions={
            <>
              <FileActions document={asDocument(configuration)} />
              <ButtonLink to="/configurations/new" search={{ from: `${tag}@${version}` }}>
                New version
              </ButtonLink>
            </>
          }
        />
        <VersionChoice tag={tag} version={version} compare={compare} versions={versions} />
      </div>
      <Stack gap={6}>
        <span>
          <strong>{counted(totalPoints(steps), 'point')}</strong> in {counted(steps.length, 'step')}
          <span className="quiet">
            {' '}
            · registered <Time at={created_at} /> ·{' '}
          </span>
          <TextLink
            to="/jobs"
            underline="always"
            search={isNewest && versions.length === 1 ? { tag } : { tag, version }}
          >
            jobs of {versions.length === 1 ? 'it' : 'this version'}
          </TextLink>
        </span>
        <SharesBar steps={steps} size="heading" />
        <Fit configuration={configuration} />
      </Stack>
      {compare === undefined || compare === version ? (
        <section>
          <Title order={2} mb="xs">
            Steps
          </Title>
          <Steps steps={steps} />
        </section>
      ) : (
        <Comparison before={compare} after={configuration} />
      )}
      <Calibration tag={tag} version={version} />
      <section>
        <Title order={2} mb="xs">
          Report to it
        </Title>
        <Snippets configuration={configuration} isNewest={isNewest} key={configuration.id} />
      </section>
      <section>
        <Title order={2} mb="xs">
          Silent jobs
        </Title>
        <SilenceLimit tag={tag} />
      </section>
    </Stack>
  );
}

/** Whether the version is a large enough step from the one before, and the way to all that changed. */
function Fit({ configuration: { id, tag, version } }: { configuration: Configuration }) {
  const { data: check } = useQuery(versionCheckQuery(id));
  return !check ? null : (
    <VersionFit check={check} version={version}>
      <ButtonLink
        variant="default"
        size="compact-sm"
        to="/configurations/$tag"
        params={{ tag }}
        search={{ version, compare: check.compared_with }}
        resetScroll={false}
      >
        Compare with {check.compared_with}
      </ButtonLink>
    </VersionFit>
  );
}
