import { Page } from "../parts/page";
import { texts } from "../texts";

export function Overview() {
  return <Page title={texts.overview}>{null}</Page>;
}
