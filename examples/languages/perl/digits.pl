#!/usr/bin/perl
# Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
# bound call, which must give the same bits.
#
#   perl digits.pl digits-symbol.json digits-0000.params test.csv
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use List::Util qw(reduce);
use Mlpjit;

@ARGV == 3 or die "usage: digits.pl SYMBOL_FILE PARAMETER_FILE ROWS.csv\n";
my ($symbol_file, $parameter_file, $rows_file) = @ARGV;

my $model = Mlpjit->load($symbol_file, $parameter_file);
my @classes = $model->classes;

my @images;
open my $file, '<', $rows_file or die "$rows_file: $!\n";
while (my $line = <$file>) {
    chomp $line;
    my (undef, @image) = split /,/, $line;    # the first is the answer
    @image == $model->width
        or die "$rows_file: line $.: ", $model->input_name, ' has ', $model->width, " columns\n";
    push @images, \@image;
}
close $file;

my $outputs = $model->run(\@images);
my $call = $model->bind;
for my $i (0 .. $#images) {
    my $logits = $outputs->[$i];
    pack('f*', @{ $call->($images[$i]) }) eq pack('f*', @$logits)
        or die "$rows_file: row ", $i + 1, " alone has other bits\n";
    my $best = reduce { $logits->[$b] > $logits->[$a] ? $b : $a } 0 .. $#$logits;
    my @bits = map { sprintf '%08X', $_ } unpack 'L*', pack 'f*', @$logits;
    print "$classes[$best] @bits\n";
}
