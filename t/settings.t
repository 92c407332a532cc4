# What the configuration says, as administrators read it: all of it but secrets.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'EOC');
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "host=127.0.0.1 port=1 password=a-secret" connections=2 timeout=300ms;
    leadgen_redis redis://:a-secret@127.0.0.1:1/0;
    leadgen_smtp smtp://eve:a-secret@127.0.0.1:1 from=a@example.com;
    leadgen_sentry off;
    leadgen_probe shop http://127.0.0.1:1/up?token=a-secret optional;
    leadgen_probe site http://127.0.0.1:1/up;
EOC
    $block->set_value(config => <<'EOC');
    location /api/admin { leadgen_api; }
    location /plain/ { leadgen_public "pictures of the front page"; return 204; }
EOC
    $block->set_value(request => 'GET /api/admin/settings');
});

run_tests();

__DATA__

=== TEST 1: directives, where they stand, and versions
--- token: admin
--- response_body_like eval
qr/^\{"version":"\d+\.\d+\.\d+","nginx":"\d+\.\d+\.\d+","settings":\[\{"directive":"leadgen_zone","arguments":"leadgen:1m","file":"[^"]+\/nginx\.conf","line":\d+\},.*"directive":"leadgen_jwt_key","arguments":"file:[^ "]+ alg=HS256 kid=test".*"directive":"leadgen_sentry","arguments":"off".*"arguments":"site http:\/\/127\.0\.0\.1:1\/up".*"directive":"leadgen_api","arguments":"".*"directive":"leadgen_public","arguments":"pictures of the front page"/



=== TEST 2: secrets are not among them
--- token: admin
--- response_body_like eval
qr/^(?!.*a-secret).*"arguments":"\[not shown\] connections=2 timeout=300ms".*"arguments":"\[not shown\]".*"arguments":"\[not shown\] from=a\@example\.com".*"arguments":"shop \[not shown\] optional"/s



=== TEST 3: whom they are not for
--- token: manager
--- error_code: 403
