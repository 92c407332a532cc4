// Whether the audit log is as it was sealed: one call after the other, until
// the end of the chain or the first row that is not.

import { useState } from "react";
import { call, withQuery } from "../api/client";
import type { Verification } from "../api/types";
import { formatNumber } from "../format";
import { Dialog, Form } from "../parts/dialog";
import { Row } from "../parts/row";
import { texts } from "../texts";

const PATH = "/api/admin/audit-logs/verify";

export function IntegrityDialog({ onClose }: { onClose: () => void }) {
  const [checked, setChecked] = useState<number | null>(null);
  const [last, setLast] = useState<Verification | null>(null);

  async function verify() {
    let cursor: string | null = null;
    let count = 0;
    let answer: Verification;

    setLast(null);
    do {
      answer = await call<Verification>("GET", withQuery(PATH, { cursor }));
      count += answer.checked;
      setChecked(count);
      cursor = answer.next_cursor;
    } while (answer.valid && cursor);
    setLast(answer);
  }

  return (
    <Dialog title={texts.integrity} onClose={onClose}>
      <Form submit={texts.verify} onSubmit={verify} onDone={() => {}}>
        {() => <p>{texts.integrityText}</p>}
      </Form>
      <div role="status" className="mt-3">
        {checked !== null && <p>{texts.rowsChecked(formatNumber(checked))}</p>}
        {last?.valid && (
          <p className="font-medium text-good">{texts.unchanged}</p>
        )}
        {last && !last.valid && (
          <>
            <p className="font-medium text-bad">{texts.wasChanged}</p>
            <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-y-1">
              <Row name={texts.problem}>{last.first_bad?.problem}</Row>
              <Row name={texts.sequence}>{last.first_bad?.sequence ?? "–"}</Row>
              <Row name={texts.requestId}>
                <code>{last.first_bad?.id ?? "–"}</code>
              </Row>
            </dl>
          </>
        )}
      </div>
    </Dialog>
  );
}
