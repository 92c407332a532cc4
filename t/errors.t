# What an application tells of its own errors: taken as Sentry takes it, or
# refused with the field that is wrong.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

# nobody listens there: to discard
$ENV{LEADGEN_TEST_DSN} = 'http://swordfish@127.0.0.1:9/7';

sub capture { "POST /api/admin/errors\n$_[0]" }

# "refused" has lines of a field, " <- " and the body that it is wrong in
add_block_preprocessor(sub {
    my ($block) = @_;
    my $sentry = $block->sentry // 'leadgen_sentry env:LEADGEN_TEST_DSN tag=region:eu;';

    $block->set_value(http_config => <<"EOC");
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:\$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool \$TEST_NGINX_SPOOL size=4m;
    leadgen_database "\$TEST_NGINX_DATABASE";
    $sentry
EOC
    $block->set_value(config => <<'EOC') if !defined $block->config;
    location /api/admin { leadgen_api; }
EOC
    $block->set_value(token => 'admin') if !defined $block->token;
    $block->set_value(more_headers => 'Content-Type: application/json') if !defined $block->more_headers;
    return if !defined $block->refused;

    my @rows = map { [split / <- /] } grep { /\S/ } split /\n/, $block->refused;
    $block->set_value(request => [map { capture($_->[1]) } @rows]);
    $block->set_value(error_code => [map { 422 } @rows]);
    $block->set_value(response_body_like => [map { qr/"errors":\[\{"field":"\Q$_->[0]\E","message":"[A-Z].*\."\}\]/ } @rows]);
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: a message is enough
--- request eval
main::capture('{"message":"It did not work"}')
--- error_code: 202
--- response_body_like chomp
^\{"id":"[0-9a-f]{32}"\}$



=== TEST 2: all that may be said
--- request eval
main::capture('{"message":"m","level":"fatal","platform":"python","transaction":"import","user_id":7,' .
    '"fingerprint":["a","b","c"],"tags":{"shop":"eu-1"},"contexts":{"cart":{"items":"3","a.b-c_d":"x"}},' .
    '"exception":{"type":"ValueError","value":"no","frames":[{"filename":"a.py","function":"f","module":"a","lineno":3,"in_app":true},{}]}}')
--- error_code: 202
--- response_body_like chomp
^\{"id":"[0-9a-f]{32}"\}$



=== TEST 3: what is wrong is named
--- refused
message <- {}
message <- {"level":"error"}
message <- {"message":""}
message <- {"message":3}
text <- {"message":"m","text":"x"}
level <- {"message":"m","level":"severe"}
level <- {"message":"m","level":null}
platform <- {"message":"m","platform":"cobol"}
user_id <- {"message":"m","user_id":0}
user_id <- {"message":"m","user_id":"7"}
transaction <- {"message":"m","transaction":[]}
fingerprint <- {"message":"m","fingerprint":[]}
fingerprint <- {"message":"m","fingerprint":["a","b","c","d"]}
fingerprint.1 <- {"message":"m","fingerprint":["a",7]}
exception <- {"message":"m","exception":"ValueError"}
exception.type <- {"exception":{"value":"no"}}
exception.stack <- {"exception":{"type":"E","stack":[]}}
exception.frames <- {"exception":{"type":"E","frames":{}}}
exception.frames.1 <- {"exception":{"type":"E","frames":[{},"f"]}}
exception.frames.0.vars <- {"exception":{"type":"E","frames":[{"vars":{}}]}}
exception.frames.1.lineno <- {"exception":{"type":"E","frames":[{"lineno":1},{"lineno":-1}]}}
exception.frames.0.in_app <- {"exception":{"type":"E","frames":[{"in_app":1}]}}
tags <- {"message":"m","tags":["a"]}
tags <- {"message":"m","tags":{"a b":"c"}}
tags.a <- {"message":"m","tags":{"a":1}}
tags.a <- {"message":"m","tags":{"a":"b\nc"}}
tags.region <- {"message":"m","tags":{"region":"us"}}
tags.request_id <- {"message":"m","tags":{"request_id":"x"}}
contexts <- {"message":"m","contexts":[]}
contexts <- {"message":"m","contexts":{"a\"b":{}}}
contexts.a <- {"message":"m","contexts":{"a":"b"}}
contexts.a.b <- {"message":"m","contexts":{"a":{"b":{}}}}
contexts.trace <- {"message":"m","contexts":{"trace":{}}}



=== TEST 4: sizes are bounded
--- request eval
[main::capture('{"message":"' . 'x' x 2048 . '"}'),
 main::capture('{"message":"' . 'x' x 2049 . '"}'),
 main::capture('{"message":"m","tags":{' . CORE::join(',', map { qq("a$_":"b") } 1 .. 33) . '}}'),
 main::capture('{"message":"m","tags":{"' . 'a' x 33 . '":"b"}}'),
 main::capture('{"message":"m","contexts":{' . CORE::join(',', map { qq("a$_":{}) } 1 .. 9) . '}}'),
 main::capture('{"exception":{"type":"E","frames":[' . CORE::join(',', map { '{}' } 1 .. 101) . ']}}'),
 main::capture('{"exception":{"type":"E","frames":[' . CORE::join(',', map { '{}' } 1 .. 100) . ']}}')]
--- error_code eval
[202, 422, 422, 422, 422, 422, 202]



=== TEST 5: what no report has room for is too large
--- request eval
main::capture('{"exception":{"type":"E","frames":[' .
    CORE::join(',', map { '{"filename":"?' . 'a=1&' x 49 . '"}' } 1 .. 100) . ']}}')
--- error_code: 413



=== TEST 6: not JSON, or nothing
--- request eval
[main::capture('message=x'), main::capture('')]
--- error_code eval
[400, 400]



=== TEST 7: for administrators
--- request eval
[main::capture('{"message":"m"}'), main::capture('{"message":"m"}')]
--- token eval
['manager', undef]
--- error_code eval
[403, 401]



=== TEST 8: where Sentry is off nobody is told, and that is said
--- sentry: leadgen_sentry off;
--- request eval
[main::capture('{"message":"m"}'), main::capture('{}')]
--- error_code eval
[503, 422]
--- response_body_like eval
['problem-sentry-off', 'problem-field-invalid']



=== TEST 9: also in a location
--- config
    location /api/admin { leadgen_api; leadgen_sentry off; }
--- request eval
main::capture('{"message":"m"}')
--- error_code: 503
--- response_body_like: problem-sentry-off
