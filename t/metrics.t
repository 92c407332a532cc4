# /metrics: what has been counted, in Prometheus' text format.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'EOC') if !defined $block->config;
    location = /metrics { leadgen_metrics; }
    location /api/ {
        leadgen_policy {
            GET /api/public  public;
            GET /api/leads   lead:read;
            GET /api/users   user:read;
        }
        root html;
    }
EOC
});

run_tests();

__DATA__

=== TEST 1: the format
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
Cache-Control: no-store
--- response_body_like chomp
\A# HELP nginx_leadgen_build_info [^\n]+\.
# TYPE nginx_leadgen_build_info gauge
nginx_leadgen_build_info\{version="[0-9.]+",nginx="1\.[0-9.]+"\} 1
# HELP nginx_leadgen_decisions_total [^\n]+\.
# TYPE nginx_leadgen_decisions_total counter
nginx_leadgen_decisions_total\{decision="allowed"\} 0
(# (HELP|TYPE) [^\n]+
|nginx_leadgen_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9]+(\.[0-9]+)?
)+\z



=== TEST 2: HEAD
--- request
HEAD /metrics
--- response_headers_like
Content-Length: \d{4,}
Content-Type: text/plain; version=0.0.4; charset=utf-8



=== TEST 3: nothing else
--- request eval
["POST /metrics\n{}", 'DELETE /metrics']
--- error_code eval
[405, 405]



=== TEST 4: decisions are counted by their result
--- request eval
['GET /api/public', 'GET /api/leads', 'GET /api/leads', 'GET /api/users', 'GET /api/users', 'GET /metrics']
--- token eval
[undef, undef, 'user', 'user', 'user', undef]
--- error_code eval
[404, 401, 404, 403, 403, 200]
--- response_body_like eval
['', '', '', '', '', qr/_decisions_total\{decision="allowed"\} 1
nginx_leadgen_decisions_total\{decision="public"\} 1
nginx_leadgen_decisions_total\{decision="denied"\} 2
nginx_leadgen_decisions_total\{decision="unauthenticated"\} 1
(?s:.*)
nginx_leadgen_tokens_total\{result="cached"\} 2
nginx_leadgen_tokens_total\{result="verified"\} 1
(?s:.*)
nginx_leadgen_authentication_duration_seconds_bucket\{le="\+Inf"\} 4
nginx_leadgen_authentication_duration_seconds_sum 0\.\d{9}
nginx_leadgen_authentication_duration_seconds_count 4
(?s:.*)
nginx_leadgen_policy_duration_seconds_count 5
(?s:.*)
nginx_leadgen_audit_append_duration_seconds_count 3
/]



=== TEST 5: backends, by their names
--- request
GET /metrics
--- response_body_like
nginx_leadgen_backend_connections\{backend="database",state="configured"\} 1
nginx_leadgen_backend_connections\{backend="database",state="up"\} 0



=== TEST 6: answers by the class of their status, those of health left out
--- config
    location = /metrics { leadgen_metrics; }
    location /health { leadgen_health; }
    location = /moved { return 301 /; }
    location = /full { return 507; }
    location = /page { error_page 502 =200 /fine; return 502; }
    location = /fine { return 200 fine; }
--- request eval
['GET /fine', 'GET /page', 'GET /nothing', 'GET /moved', 'GET /full', 'GET /health', 'GET /health/readiness', 'GET /metrics']
--- error_code eval
[200, 200, 404, 301, 507, 200, 503, 200]
--- response_body_like eval
['', '', '', '', '', '', '', qr/
nginx_leadgen_responses_total\{status="1xx"\} 0
nginx_leadgen_responses_total\{status="2xx"\} 2
nginx_leadgen_responses_total\{status="3xx"\} 1
nginx_leadgen_responses_total\{status="4xx"\} 1
nginx_leadgen_responses_total\{status="5xx"\} 1
/]
