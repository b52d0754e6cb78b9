import { AwsFailure } from "./aws-failure.ts";

/** The services of AWS that are called. */
export type AwsService = "iam" | "sts";

/** Where calls to a service go, and what they are signed for. */
export interface AwsEndpoint {
  readonly service: AwsService;
  readonly isSecure: boolean;
  /** Name or address to connect to; an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The header `Host`: with the port where it is not the scheme's own. */
  readonly host: string;
  /** Path of the URL, encoded, ending in a slash. */
  readonly path: string;
  readonly signingRegion: string;
}

interface Partition {
  /** What ARNs begin with after `arn:`. */
  readonly name: string;
  readonly prefix: string;
  readonly dnsSuffix: string;
  /** IAM is one for the whole partition: its host, and the region that its calls are signed for. */
  readonly iamHost: string;
  readonly iamRegion: string;
}

const aws: Partition = {
  name: "aws",
  prefix: "",
  dnsSuffix: "amazonaws.com",
  iamHost: "iam.amazonaws.com",
  iamRegion: "us-east-1",
};

/** Partitions but AWS's main one, by what their regions begin with; from the endpoint rules of AWS's SDK. */
const partitions: readonly Partition[] = [
  {
    name: "aws-us-gov",
    prefix: "us-gov-",
    dnsSuffix: "amazonaws.com",
    iamHost: "iam.us-gov.amazonaws.com",
    iamRegion: "us-gov-west-1",
  },
  regional("aws-cn", "cn-", "amazonaws.com.cn", "cn-north-1"),
  regional("aws-eusc", "eusc-", "amazonaws.eu", "eusc-de-east-1"),
  regional("aws-iso", "us-iso-", "c2s.ic.gov", "us-iso-east-1"),
  regional("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "us-isob-east-1"),
  regional("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "eu-isoe-west-1"),
  regional("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "us-isof-south-1"),
];

function regional(
  name: string,
  ...[prefix, dnsSuffix, iamRegion]: readonly [prefix: string, dnsSuffix: string, iamRegion: string]
): Partition {
  return { name, prefix, dnsSuffix, iamRegion, iamHost: `iam.${iamRegion}.${dnsSuffix}` };
}

function partitionAt(region: string): Partition {
  return partitions.find(({ prefix }) => region.startsWith(prefix)) ?? aws;
}

/** The partition that a region is of, as ARNs name it: `aws`, `aws-us-gov`, `aws-cn`. */
export function partitionOf(region: string): string {
  return partitionAt(region).name;
}

/** What the names of a region's hosts end in: `amazonaws.com`, `amazonaws.com.cn`. */
export function dnsSuffixOf(region: string): string {
  return partitionAt(region).dnsSuffix;
}

/**
 * Finds the endpoint of a service. A URL of one's own takes the place of AWS's, and calls to it are signed for
 * the region as it is: whoever runs it knows no partitions. Throws `AwsFailure` (`refused`) for a URL that is none.
 */
export function endpointOf(options: {
  readonly service: AwsService;
  readonly region: string;
  readonly url: string | undefined;
}): AwsEndpoint {
  const { service, region } = options;
  const partition = partitionAt(region);
  const own =
    service === "iam"
      ? { host: partition.iamHost, signingRegion: partition.iamRegion }
      : { host: `sts.${region}.${partition.dnsSuffix}`, signingRegion: region };
  const url = URL.parse(options.url ?? `https://${own.host}`);
  if (url === null) {
    throw new AwsFailure("refused", "InvalidEndpoint", { message: `The URL of ${service} is none.` });
  }
  const isSecure = url.protocol === "https:";
  return {
    service,
    isSecure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port) || (isSecure ? 443 : 80),
    host: url.host,
    path: url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`,
    signingRegion: options.url === undefined ? own.signingRegion : region,
  };
}
