-- Verify leadgen:campaign_mail on pg

begin;

select id, campaign_id, lead_id, kind, recipient, subject, status, attempts, created_at, changed_at,
       sent_at, error
from mail.messages where false;
select id, message_id, kind, at, is_machine, ip_address, user_agent, url, details
from mail.email_events where false;
select address, reason, message_id, detail, created_at from mail.suppressions where false;
select day, campaign_id, sent, rejected, suppressed, opened, clicked, bounced, unsubscribed,
       machine_opens, calculated_at
from mail.daily_metrics where false;
select campaign_id, figures, calculated_at from mail.campaign_figures where false;
select campaign_id, model, learned_at from mail.send_times where false;
select id, user_id, first_day, last_day, format, file, created_at from mail.reports where false;
select id, dataset, format, file, lines, bytes, expires_at, created_at from mail.exports where false;

rollback;
