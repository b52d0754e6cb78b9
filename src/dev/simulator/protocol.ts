import type { ServiceName } from "./action.ts";
import type { AwsError } from "./aws-error.ts";
import { renderXml, type XmlObject } from "./xml.ts";

/** An HTTP answer, ready to be sent. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Protocol {
  readonly version: string;
  readonly namespace: string;
}

const protocols: Record<ServiceName, Protocol> = {
  iam: { version: "2010-05-08", namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
  sts: { version: "2011-06-15", namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
  ec2: { version: "2016-11-15", namespace: "http://ec2.amazonaws.com/doc/2016-11-15/" },
};

/** Tells which service a version of the Query protocol belongs to; undefined for a version of none. */
export function serviceOfVersion(version: string | undefined): ServiceName | undefined {
  const services: ServiceName[] = ["iam", "sts", "ec2"];
  return services.find((service) => protocols[service].version === version);
}

/** Renders what an action answered with. */
export function renderResult(
  service: ServiceName,
  action: string,
  reply: { result: XmlObject | undefined; requestId: string },
): Answer {
  const { result, requestId } = reply;
  const namespace = protocols[service].namespace;
  const inner =
    service === "ec2"
      ? renderXml("requestId", requestId) +
        Object.entries(result ?? {})
          .map(([field, value]) => renderXml(field, value, "item"))
          .join("")
      : renderXml(`${action}Result`, result) + renderXml("ResponseMetadata", { RequestId: requestId });
  return { status: 200, body: `<${action}Response xmlns="${namespace}">${inner}</${action}Response>` };
}

/** How EC2 words what IAM and STS call otherwise. Source: EC2 API Reference, "Error codes". */
const ec2Errors: Record<string, { code: string; status: number; message?: string }> = {
  InvalidClientTokenId: {
    code: "AuthFailure",
    status: 401,
    message: "AWS was not able to validate the provided access credentials",
  },
  SignatureDoesNotMatch: {
    code: "AuthFailure",
    status: 401,
    message: "AWS was not able to validate the provided access credentials",
  },
  ExpiredToken: { code: "RequestExpired", status: 400, message: "Request has expired." },
  AccessDenied: { code: "UnauthorizedOperation", status: 403 },
  Throttling: { code: "RequestLimitExceeded", status: 503, message: "Request limit exceeded." },
  ServiceFailure: { code: "InternalError", status: 500 },
};

function renderEc2Error(error: AwsError, requestId: string): Answer {
  const known = Object.hasOwn(ec2Errors, error.code) ? ec2Errors[error.code] : undefined;
  const isDenial = error.code === "AccessDenied";
  const message = isDenial
    ? `You are not authorized to perform this operation. ${error.message}`
    : error.message;
  const shown = { Code: known?.code ?? error.code, Message: known?.message ?? message };
  const body = `<Response>${renderXml("Errors", { Error: shown })}${renderXml("RequestID", requestId)}</Response>`;
  return { status: known?.status ?? error.status, body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}` };
}

/** Renders a refusal; calls of no known service are answered in IAM's form. */
export function renderError(service: ServiceName, error: AwsError, requestId: string): Answer {
  if (service === "ec2") return renderEc2Error(error, requestId);
  const type = error.status >= 500 ? "Receiver" : "Sender";
  const inner =
    renderXml("Error", { Type: type, Code: error.code, Message: error.message }) +
    renderXml("RequestId", requestId);
  const body = `<ErrorResponse xmlns="${protocols[service].namespace}">${inner}</ErrorResponse>`;
  return { status: error.status, body };
}
