/*
 * What the example backend begins with: the same everywhere and each time.
 */

insert into app.teams (name, description, created_at) values
('Outbound Europe', 'New business in Germany, France and the Nordics', '2025-01-13 09:00Z'),
('Outbound America', 'New business in the United States and Canada', '2025-01-13 09:05Z'),
('Partnerships', 'Resellers and integration partners', '2025-03-03 10:30Z'),
('Customer Growth', 'Upgrades of customers that are there', '2025-06-02 08:15Z');

insert into app.team_members (team_id, user_id, added_at) values
(1, 2, '2025-01-13 09:10Z'), (1, 3, '2025-01-13 09:10Z'),
(2, 2, '2025-01-13 09:15Z'), (3, 1, '2025-03-03 10:35Z'), (4, 3, '2025-06-02 08:20Z');

insert into app.campaigns
(team_id, name, subject, body, status, scheduled_at, published_at, created_by, created_at, updated_at)
select
    c.team, c.name, c.subject,
    'Hello {{first_name}},' || e'\n\n' || c.line || e'\n\n' || 'Would a call of fifteen minutes next week suit you?',
    c.status,
    case when c.status <> 'draft' then c.begun end,
    case when c.status in ('published', 'finished') then c.begun end,
    2, c.begun - interval '9 days', c.begun
from (values
    (1, 'Logistics Leaders DACH', 'Fewer empty miles in {{company}}''s fleet',
     'carriers of your size save every tenth trip by planning return loads a week ahead.', 'finished', timestamptz '2026-01-19 08:00Z'),
    (1, 'Nordic SaaS Founders', 'Your next hundred customers',
     'three companies in your market doubled their pipeline in a quarter with us.', 'finished', '2026-02-09 08:00Z'),
    (1, 'Machine Builders Follow-up', 'Spare parts before anybody asks',
     'you asked us at the fair how service contracts can sell themselves.', 'published', '2026-05-11 07:30Z'),
    (1, 'Hospital Procurement France', 'One tender instead of twelve',
     'purchasing departments of your region buy together since last year.', 'published', '2026-06-15 07:30Z'),
    (2, 'Fintech East Coast', 'Onboarding in a day, not in a month',
     'your compliance team could check new customers while they still type.', 'finished', '2026-02-23 13:00Z'),
    (2, 'Retail Chains Midwest', 'What shelves say at closing time',
     'store managers see today what sold out, and what it cost them.', 'published', '2026-06-01 13:00Z'),
    (2, 'Canadian Universities', 'Applicants who answer',
     'students answer within an hour, when somebody writes to them in time.', 'scheduled', '2026-12-07 14:00Z'),
    (3, 'Reseller Recruiting', 'A product your customers ask you for',
     'partners earn a share for as long as the customer stays.', 'published', '2026-04-20 09:00Z'),
    (3, 'Integration Partners Q1', 'Your application beside theirs',
     'eleven of our customers use your product, and told us so.', 'scheduled', '2027-01-11 09:00Z'),
    (4, 'Annual Plans', 'Two months for nothing',
     'you pay by the month since last year; a year at once costs a sixth less.', 'finished', '2026-03-16 10:00Z'),
    (4, 'Dormant Accounts', 'Shall we keep your seat?',
     'nobody of your team has logged in since spring.', 'published', '2026-07-06 10:00Z'),
    (4, 'Beta of the Planner', 'Be the first to try it',
     'you asked for it, and ten customers may try it before the others.', 'draft', '2026-11-02 10:00Z')
) as c (team, name, subject, line, status, begun);

insert into app.leads
(campaign_id, email, first_name, last_name, company, job_title, country, source, status, score, created_at, updated_at)
select
    1 + n % 12,
    lower(p.first_name || '.' || p.last_name) || n || '@' || lower(replace(p.company, ' ', '-')) || '.example',
    p.first_name, p.last_name, p.company, p.job_title, p.country, p.source,
    -- most are at the beginning of the way, few at its end
    (array['new', 'new', 'new', 'new', 'new', 'contacted', 'contacted', 'contacted', 'qualified', 'qualified', 'won', 'lost'])
        [1 + p.dice / 997 % 12],
    p.dice / 31 % 101,
    timestamptz '2026-01-05 08:00Z' + n * interval '89 minutes',
    timestamptz '2026-01-05 08:00Z' + n * interval '89 minutes' + p.dice % 40 * interval '1 day 3 hours'
from generate_series(1, 5000) as n
cross join lateral (
    select
        d.dice,
        (array['Anna', 'Ben', 'Carla', 'David', 'Elena', 'Felix', 'Grace', 'Henrik', 'Ines', 'Jonas', 'Katja', 'Liam', 'Maria',
            'Noah', 'Olivia', 'Paul', 'Quinn', 'Rosa', 'Samuel', 'Theresa', 'Ulrich', 'Vera', 'William', 'Yasmin', 'Zoe'])
            [1 + d.dice % 25] as first_name,
        (array['Almeida', 'Becker', 'Clark', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Hansen', 'Ito', 'Jensen', 'Keller', 'Lopez',
            'Martin', 'Novak', 'Olsen', 'Petrov', 'Rossi', 'Schmidt', 'Taylor', 'Ueda', 'Virtanen', 'Weber', 'Young', 'Ziegler'])
            [1 + d.dice / 25 % 24] as last_name,
        (array['Northwind', 'Blue Harbor', 'Kestrel', 'Alpine', 'Meridian', 'Juniper', 'Copperfield', 'Lakeside', 'Orchard', 'Summit'])
            [1 + d.dice / 7 % 10] || ' '
        || (array['Logistics', 'Software', 'Foods', 'Medical', 'Energy', 'Retail', 'Machines', 'Finance', 'Travel'])
            [1 + d.dice / 71 % 9] as company,
        (array['Head of Sales', 'Operations Manager', 'Chief Executive', 'Procurement Lead', 'Marketing Director',
            'IT Manager', 'Founder'])[1 + d.dice / 13 % 7] as job_title,
        (array['DE', 'US', 'FR', 'GB', 'SE', 'NL', 'CA', 'ES', 'DK', 'IT'])[1 + d.dice / 17 % 10] as country,
        (array['website', 'referral', 'linkedin', 'event', 'import'])[1 + d.dice / 19 % 5] as source
    from (select (n * 48271::bigint + 11) % 2147483647 % 1000003 as dice) as d
) as p;

insert into app.deliveries (campaign_id, day, sent, opened, clicked, replied, bounced)
select
    c.id, c.published_at::date + d,
    v.sent, v.sent * (28 + c.id % 17) / 100, v.sent * (4 + c.id % 6) / 100, v.sent * (1 + c.id % 3) / 100, v.sent * (1 + c.id % 2) / 100
from app.campaigns as c
cross join generate_series(0, 13) as d
cross join lateral (select (400 - 25 * d + (c.id * 37 + d * 11) % 60)::integer as sent) as v
where c.published_at is not null;
